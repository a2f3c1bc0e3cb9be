use backstay_journal::Recorded;
use backstay_model::plan::Write;

fn apply(_write: Recorded<Write>) {}

fn carry_out(write: Write) {
    apply(write);
}

fn main() {}
