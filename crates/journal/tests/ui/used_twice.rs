use backstay_journal::Recorded;
use backstay_model::plan::Write;

fn apply(_write: Recorded<Write>) {}

fn carry_out(write: Recorded<Write>) {
    apply(write);
    apply(write);
}

fn main() {}
