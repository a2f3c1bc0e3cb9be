use backstay_journal::Recorded;
use backstay_model::Seq;

fn main() {
    let _forged = Recorded::new(Seq(1), "write");
    let _forged = Recorded { seq: Seq(1), command: "write" };
}
