use backstay_journal::Recorded;
use backstay_model::plan::Write;

fn copy(write: &Recorded<Write>) -> Recorded<Write> {
    write.clone()
}

fn main() {}
