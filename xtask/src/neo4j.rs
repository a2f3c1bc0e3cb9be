//! A Neo4j for tests: Java and Maven from the distribution, the server's jars by Maven.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use backstay_scratch::neo4j::{
    Installation, KeepClasses, LAUNCHER, Lasting, Options, POM, Release, SCRATCH_FOLDER, SHARED,
    Server,
};

use crate::servers::cache;
use crate::{run, setup};

const FETCH: &str =
    "-q -B dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=lib";

/// Makes sure that the releases that tests run on are there; says loudly what cannot be had and why.
pub(crate) fn ensure_all() {
    // What servers left whose starter was killed.
    backstay_scratch::sweep(&std::env::temp_dir(), SCRATCH_FOLDER);
    for release in [Release::Supported, Release::Older] {
        if let Err(error) = ensure(release) {
            let version = release.version();
            eprintln!("SKIPPED: everything on Neo4j {version}: {error:#}");
        }
    }
}

/// Makes sure that the jars of `release` and a Java for them are there.
fn ensure(release: Release) -> Result<()> {
    if Installation::find(release).is_ok() {
        return Ok(());
    }
    setup::java()?;
    let place = Installation::place(&cache()?, release);
    if !Installation::complete(&place) {
        install(release, &place)?;
    }
    Installation::find(release)?;
    if let Err(error) = quicken(release) {
        eprintln!("NOTE: Neo4j will start slowly: {error:#}");
    }
    Ok(())
}

/// Has Java keep the classes of one start, so that later ones take two thirds of the time.
fn quicken(release: Release) -> Result<()> {
    let options = Options {
        release,
        keep_classes: KeepClasses::Yes,
        ..Options::default()
    };
    Server::start(options)?.stop()?;
    Ok(())
}

/// Fetches the jars and compiles our launcher beside them, in a folder that appears when it is whole.
fn install(release: Release, place: &Path) -> Result<()> {
    let shelf = place.parent().context("a cache folder without a parent")?;
    eprintln!(
        "fetching Neo4j {} by Maven into {}",
        release.version(),
        shelf.display()
    );
    let work = shelf.join(format!("new-{}-{}", release.version(), std::process::id()));
    fs::create_dir_all(&work).with_context(|| format!("making {}", work.display()))?;
    let done = fill(release, &work).and_then(|()| {
        // What another launcher left would keep ours out.
        if place.exists() && !Installation::complete(place) {
            fs::remove_dir_all(place).with_context(|| format!("removing {}", place.display()))?;
        }
        match fs::rename(&work, place) {
            // Another run was quicker; its copy is as good.
            Err(_) if Installation::complete(place) => Ok(()),
            other => other.with_context(|| format!("moving {}", work.display())),
        }
    });
    if work.exists() {
        fs::remove_dir_all(&work).with_context(|| format!("removing {}", work.display()))?;
    }
    done
}

fn fill(release: Release, work: &Path) -> Result<()> {
    fs::write(work.join("pom.xml"), POM).context("writing pom.xml")?;
    fs::write(work.join("Main.java"), LAUNCHER).context("writing Main.java")?;
    let version = format!("-Dneo4j.version={}", release.version());
    let words: Vec<&str> = FETCH.split(' ').chain([version.as_str()]).collect();
    run::in_folder("mvn", &words, work)?;
    let compile = ["-cp", "lib/*", "-d", "classes", "Main.java"];
    run::in_folder("javac", &compile, work)?;
    // Java keeps classes for a quick start only when all of them come from jars.
    let pack = ["--create", "--file", "launcher.jar", "-C", "classes", "."];
    run::in_folder("jar", &pack, work)
}

/// Kills writers, guards and servers in the middle of batches, at length: the ordinary suite plays a few
/// rounds.
fn kill() -> Result<()> {
    ensure(Release::Supported)?;
    let server = Server::start(Options::default())?;
    let access = server.access().to_string();
    let at_length = [(SHARED, access.as_str()), ("BACKSTAY_NEO4J_ROUNDS", "20")];
    let test = "test --quiet --package backstay-store-neo4j --test it -- killed --nocapture";
    run::cargo_with(&at_length, &test.split(' ').collect::<Vec<_>>())?;
    run::cargo(&["build", "--quiet", "--package", "backstay-cli"])?;
    let story = "test --quiet --package backstay-e2e --test it -- neo4j --nocapture";
    run::cargo_with(&at_length, &story.split(' ').collect::<Vec<_>>())
}

/// `cargo xtask neo4j start|stop|kill|bench`.
pub(crate) fn command(rest: &[String]) -> Result<ExitCode> {
    let words: Vec<&str> = rest.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["start"] => {
            ensure(Release::Supported)?;
            let access = Lasting::start(&home(), &Options::default())?.access();
            println!("uri            {}", access.uri);
            println!("user           {}", access.user);
            println!("password file  {}", access.password_file.display());
            println!("for tests      export {SHARED}='{access}'");
        }
        ["stop"] => match Lasting::find(&home()) {
            Some(server) => server.stop()?,
            None => println!("no Neo4j of ours is running"),
        },
        ["kill"] => kill()?,
        ["bench"] => {
            ensure(Release::Supported)?;
            run::cargo(&["run", "--release", "--package", "backstay-bench-stores"])?;
        }
        _ => bail!("usage: cargo xtask neo4j start|stop|kill|bench"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the server of `cargo xtask neo4j start` lives.
fn home() -> PathBuf {
    run::target_dir().join("neo4j")
}
