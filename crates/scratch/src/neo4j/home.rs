//! The folder a server lives in: configuration, password, certificate, data.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::access::Access;
use super::errors::ServerError;
use super::installation::Release;
use super::server::{Options, Tls};

/// Random bytes of a password.
const PASSWORD_BYTES: usize = 16;
/// Where certificates are, in the home.
const CERTIFICATES: &str = "certificates/bolt";

/// Makes `home` ready for a start on `port`. A password and a certificate that are there stay.
pub(crate) fn prepare(home: &Path, port: u16, options: &Options) -> Result<(), ServerError> {
    let failed = |what| move |source| ServerError::System { what, source };
    fs::create_dir_all(home.join("conf")).map_err(failed("make a folder"))?;
    if !password_file(home).is_file() {
        write_password(home).map_err(failed("write a password"))?;
    }
    if options.tls != Tls::Refused && !home.join(CERTIFICATES).is_dir() {
        certify(&home.join(CERTIFICATES))?;
    }
    let text = configuration(port, options);
    fs::write(home.join("conf/neo4j.conf"), text).map_err(failed("write the configuration"))
}

/// How a server in `home` on `port` is reached.
pub(crate) fn access(home: &Path, port: u16) -> Access {
    Access {
        uri: format!("bolt://127.0.0.1:{port}"),
        user: "neo4j".into(),
        password_file: password_file(home),
    }
}

/// The certificate that a server with TLS shows.
pub(crate) fn certificate(home: &Path) -> PathBuf {
    home.join(CERTIFICATES).join("public.crt")
}

fn password_file(home: &Path) -> PathBuf {
    home.join("password")
}

fn write_password(home: &Path) -> io::Result<()> {
    let word = random_hex(PASSWORD_BYTES)?;
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(password_file(home))?;
    writeln!(file, "{word}")
}

/// So many random bytes, as hexadecimal digits.
pub(crate) fn random_hex(bytes: usize) -> io::Result<String> {
    let mut random = vec![0; bytes];
    File::open("/dev/urandom")?.read_exact(&mut random)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A new key and a certificate for this machine that it signs itself.
fn certify(folder: &Path) -> Result<(), ServerError> {
    let failed = |what| move |source| ServerError::System { what, source };
    fs::create_dir_all(folder).map_err(failed("make a folder"))?;
    // Not of an authority: no client takes such a one from a server.
    let fixed = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
                 -addext basicConstraints=critical,CA:FALSE \
                 -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout private.key -out public.crt";
    let output = Command::new("openssl")
        .args(fixed.split_whitespace())
        .current_dir(folder)
        .output()
        .map_err(failed("run openssl"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(ServerError::Certificate { said })
}

/// A quiet small server: no calls home, no HTTP, no logs of queries, no room taken in advance.
fn configuration(port: u16, options: &Options) -> String {
    let address = format!("127.0.0.1:{port}");
    let tls = match options.tls {
        Tls::Refused => "DISABLED",
        Tls::Offered => "OPTIONAL",
        Tls::Required => "REQUIRED",
    };
    let names = match options.release {
        Release::Supported => [
            ("server.bolt.enabled", "true"),
            ("server.bolt.listen_address", &address),
            ("server.bolt.tls_level", tls),
            ("server.http.enabled", "false"),
            ("server.https.enabled", "false"),
            ("dbms.usage_report.enabled", "false"),
            ("server.memory.pagecache.size", "64m"),
            ("db.tx_log.preallocate", "false"),
            ("db.logs.query.enabled", "OFF"),
        ],
        Release::Older => [
            ("dbms.connector.bolt.enabled", "true"),
            ("dbms.connector.bolt.listen_address", &address),
            ("dbms.connector.bolt.tls_level", tls),
            ("dbms.connector.http.enabled", "false"),
            ("dbms.connector.https.enabled", "false"),
            ("dbms.allow_upgrade", "false"),
            ("dbms.memory.pagecache.size", "64m"),
            ("dbms.tx_log.preallocate", "false"),
            ("dbms.logs.query.enabled", "OFF"),
        ],
    };
    let certificate = [
        ("dbms.ssl.policy.bolt.enabled", "true"),
        ("dbms.ssl.policy.bolt.base_directory", CERTIFICATES),
        ("dbms.ssl.policy.bolt.private_key", "private.key"),
        ("dbms.ssl.policy.bolt.public_certificate", "public.crt"),
        ("dbms.ssl.policy.bolt.client_auth", "NONE"),
    ];
    let certificate = certificate
        .iter()
        .filter(|_| options.tls != Tls::Refused)
        .copied();
    let own = [("dbms.security.auth_enabled", "true")];
    let asked = options
        .settings
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()));
    let mut text = String::new();
    // The file may name a setting once: the last one said counts.
    let all: Vec<(&str, &str)> = names
        .into_iter()
        .chain(own)
        .chain(certificate)
        .chain(asked)
        .collect();
    for (at, (name, value)) in all.iter().enumerate() {
        if !all.iter().skip(at + 1).any(|(later, _)| later == name) {
            text.push_str(&format!("{name}={value}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_asked_for_stands_alone() {
        let options = Options {
            settings: vec![("server.memory.pagecache.size".into(), "256m".into())],
            ..Options::default()
        };
        let text = configuration(7, &options);
        let sizes: Vec<&str> = text.lines().filter(|l| l.contains("pagecache")).collect();
        assert_eq!(sizes, ["server.memory.pagecache.size=256m"]);
        assert!(text.contains("server.bolt.listen_address=127.0.0.1:7\n"));
        assert!(!text.contains("ssl"));
    }

    #[test]
    fn passwords_are_private_and_differ() {
        use std::os::unix::fs::PermissionsExt;
        let words = [(); 2].map(|()| {
            let home = tempfile::tempdir().unwrap();
            write_password(home.path()).unwrap();
            let file = password_file(home.path());
            let mode = fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            fs::read_to_string(file).unwrap()
        });
        assert_eq!(words[0].trim().len(), 2 * PASSWORD_BYTES);
        assert_ne!(words[0], words[1]);
    }
}
