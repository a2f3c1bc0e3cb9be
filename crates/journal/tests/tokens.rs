//! What must not compile: every way around the journal.

#[test]
fn no_way_leads_around_the_journal() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
