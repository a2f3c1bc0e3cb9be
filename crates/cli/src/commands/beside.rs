//! What stands beside the server that is checked: its primary, and a pgbouncer in front.

use std::path::Path;
use std::time::Duration;

use backstay_catalog::candidate::{At, Candidate};
use backstay_catalog::pooler::{self, Pooler};
use tokio_postgres::{NoTls, SimpleQueryMessage, SimpleQueryRow};

use crate::args::{Check, Common};
use crate::commands::subject::{Ground, look, read_text};
use crate::commands::tree::Tree;
use crate::commands::watch::runtime;
use crate::failure::{Code, Failure};

/// How long the console of a pooler may take to answer.
const CONSOLE_WITHIN: Duration = Duration::from_secs(5);

/// The configuration with what stands beside it, as far as the options name it.
pub(crate) fn with_beside(
    ground: Ground,
    args: &Check,
    common: &Common,
) -> Result<Ground, Failure> {
    let ground = match &args.primary {
        Some(place) => with_primary(ground, place, common)?,
        None => ground,
    };
    match &args.pgbouncer {
        Some(place) => with_pgbouncer(ground, place, args.pgbouncer_users),
        None => Ok(ground),
    }
}

fn is_dsn(text: &str) -> bool {
    text.starts_with("postgres://")
        || text.starts_with("postgresql://")
        || !Path::new(text).exists() && text.contains('=')
}

fn with_primary(mut ground: Ground, place: &str, common: &Common) -> Result<Ground, Failure> {
    let candidate = Candidate::new(ground.choice.pack);
    let (primary, said) = if is_dsn(place) {
        let (snapshot, place) = look(place, common)?;
        let (candidate, _) = candidate.with_snapshot(&snapshot, At::Now);
        (
            candidate,
            format!("{} {}", snapshot.server.version, place.address),
        )
    } else {
        let tree = Tree::read(Path::new(place))?;
        let lines: Vec<_> = tree.lines.into_iter().map(|p| p.line).collect();
        let (candidate, errors) = candidate.with_conf(&lines);
        let noted = errors
            .iter()
            .map(|(line, e)| format!("{place}: line {line}: {e}"));
        ground.notes.extend(noted);
        (candidate, place.to_owned())
    };
    ground.now = ground.now.with_primary(&primary);
    ground.beside.push(format!("primary {said}"));
    Ok(ground)
}

fn with_pgbouncer(mut ground: Ground, place: &str, users: Option<u32>) -> Result<Ground, Failure> {
    let pooler = if is_dsn(place) {
        runtime()?.block_on(console(place, users))?
    } else {
        of_file(place, users)?
    };
    let noted = pooler.notes.iter().map(|n| format!("pgbouncer: {n}"));
    ground.notes.extend(noted);
    let shown = pooler.facts.get("server_connections");
    let shown = shown.map_or_else(String::new, |n| {
        format!(" with up to {n} server connections")
    });
    ground.now = ground.now.with_pooler(pooler.facts);
    ground.beside.push(format!("pgbouncer{shown}"));
    Ok(ground)
}

/// The pools of a file; who logs in is counted in its list of users where that can be read.
fn of_file(place: &str, users: Option<u32>) -> Result<Pooler, Failure> {
    let path = Path::new(place);
    let text = read_text(path)?;
    let read = pooler::parse(&text, users);
    let Some(list) = read.auth_file.as_ref().filter(|_| users.is_none()) else {
        return Ok(read);
    };
    let list = path.parent().unwrap_or(Path::new("")).join(list);
    // Only the number of names is taken; the passwords beside them are not looked at.
    let Ok(list) = std::fs::read_to_string(list) else {
        return Ok(read);
    };
    Ok(pooler::parse(
        &text,
        Some(pooler::users_in(&list)).filter(|n| *n > 0),
    ))
}

/// The pools that the console of a running pgbouncer tells.
async fn console(dsn: &str, users: Option<u32>) -> Result<Pooler, Failure> {
    let failed = |e: &dyn std::error::Error| {
        Failure::of(Code::Unreachable, e)
            .because("the console of a pgbouncer is its database `pgbouncer`")
            .hint("backstay check DSN --pgbouncer pgbouncer.ini")
    };
    let asked = async {
        let (client, connection) = tokio_postgres::connect(dsn, NoTls).await?;
        let driver = tokio::spawn(connection);
        let config = client.simple_query("SHOW CONFIG").await?;
        let databases = client.simple_query("SHOW DATABASES").await?;
        drop(client);
        driver.abort();
        Ok::<_, tokio_postgres::Error>((config, databases))
    };
    let (config, databases) = tokio::time::timeout(CONSOLE_WITHIN, asked)
        .await
        .map_err(|e| failed(&e))?
        .map_err(|e| failed(&e))?;
    let text =
        |row: &SimpleQueryRow, name: &str| row.try_get(name).ok().flatten().map(str::to_owned);
    let number = |row: &SimpleQueryRow, name: &str| {
        text(row, name)
            .and_then(|t| t.parse::<i128>().ok())
            .unwrap_or(0)
    };
    let config: Vec<(String, String)> = rows(&config)
        .filter_map(|row| Some((text(row, "key")?, text(row, "value")?)))
        .collect();
    let databases: Vec<(i128, i128, i128)> = rows(&databases)
        .filter(|row| text(row, "name").as_deref() != Some("pgbouncer"))
        .map(|row| {
            let reserve = number(row, "reserve_pool").max(number(row, "reserve_pool_size"));
            (
                number(row, "pool_size"),
                reserve,
                number(row, "max_connections"),
            )
        })
        .collect();
    Ok(pooler::from_console(&config, &databases, users))
}

fn rows(messages: &[SimpleQueryMessage]) -> impl Iterator<Item = &SimpleQueryRow> {
    messages.iter().filter_map(|m| match m {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    })
}
