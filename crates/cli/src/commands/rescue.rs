//! `backstay rescue`: comes with a later version; until then the exact lines to do it by hand.

use crate::args::Rescue;
use crate::failure::{Code, Exit, Failure};

/// Says what to type.
pub(crate) fn run(args: &Rescue) -> Result<Exit, Failure> {
    let folder = args.pgdata.display();
    if !args.pgdata.join("PG_VERSION").exists() {
        return Err(Failure::new(
            Code::File,
            format!("{folder} is not a data directory of PostgreSQL"),
        )
        .because("there is no file PG_VERSION in it")
        .hint("`SHOW data_directory` told it while the server ran; `backstay status` knows the targets"));
    }
    Err(Failure::not_yet("bringing back a server that does not start")
        .because("by hand it goes like this, as the server's own user, with the server stopped")
        .hint(format!("backstay check -f {folder}/postgresql.auto.conf    names lines that cannot be"))
        .hint(format!("backstay check -f {folder}/postgresql.conf"))
        .hint("backstay changes list    tells what was changed last; backstay rollback plan C17 how it was before")
        .hint(format!("cp -p {folder}/postgresql.auto.conf {folder}/postgresql.auto.conf.bad"))
        .hint(format!("edit {folder}/postgresql.auto.conf: take the named line out"))
        .hint(format!("postgres -D {folder} -C shared_memory_size    says whether the files can be read"))
        .hint(format!("pg_ctl -D {folder} -w start")))
}
