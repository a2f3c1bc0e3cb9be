//! What is at stake when somebody writes a setting, and whether its text may be shown.

use backstay_model::SettingName;
use backstay_model::decision::SettingClass;
use backstay_model::name::EngineKind;

use crate::pack::{Context, SettingDef, ValueKind};

/// Settings that run or load code. Never written by us.
const CODE_RUNNING: &[&str] = &[
    "archive_cleanup_command",
    "archive_command",
    "archive_library",
    "dynamic_library_path",
    "extension_destdir",
    "jit_provider",
    "local_preload_libraries",
    "output_plugin_libraries",
    "recovery_end_command",
    "restore_command",
    "session_preload_libraries",
    "shared_preload_libraries",
    "ssl_passphrase_command",
];

/// Settings of other engines that run or load code, or move where files are written.
const CODE_RUNNING_ELSEWHERE: &[&str] = &[
    "aclfile",
    "dbfilename",
    "dir",
    "enable-debug-command",
    "enable-module-command",
    "init_connect",
    "init_file",
    "init_slave",
    "loadmodule",
    "plugin_dir",
    "plugin_load",
    "plugin_load_add",
    "port",
    "secure_file_priv",
];

/// Settings whose text is a secret, or regularly holds one.
const SECRET: &[&str] = &[
    "masterauth",
    "primary_conninfo",
    "requirepass",
    "tls-client-key-file-pass",
    "tls-key-file-pass",
    "user",
    "wsrep_sst_auth",
];

/// Settings that decide who may log in, from where, or what is hidden from whom.
const AUTHENTICATION: &[&str] = &[
    "authentication_timeout",
    "bind",
    "bonjour",
    "bonjour_name",
    "db_user_namespace",
    "hba_file",
    "ident_file",
    "krb_caseins_users",
    "krb_server_keyfile",
    "listen_addresses",
    "lo_compat_privileges",
    "password_encryption",
    "pg_hba",
    "pg_ident",
    "port",
    "protected-mode",
    "restrict_nonsystem_relation_kind",
    "row_security",
    "unix_socket_directories",
    "unix_socket_group",
    "unix_socket_permissions",
];

/// Settings that decide what survives a crash, and what reaches a replica or an archive.
const DURABILITY: &[&str] = &[
    "allow_in_place_tablespaces",
    "allow_system_table_mods",
    "appendfsync",
    "appendonly",
    "archive_mode",
    "archive_timeout",
    "data_sync_retry",
    "fsync",
    "full_page_writes",
    "hot_standby",
    "hot_standby_feedback",
    "ignore_checksum_failure",
    "ignore_invalid_pages",
    "ignore_system_indexes",
    "innodb_doublewrite",
    "innodb_flush_log_at_trx_commit",
    "max_replication_slots",
    "max_slot_wal_keep_size",
    "max_wal_senders",
    "maxmemory-policy",
    "primary_slot_name",
    "promote_trigger_file",
    "recovery_init_sync_method",
    "recovery_min_apply_delay",
    "recovery_target",
    "recovery_target_action",
    "recovery_target_inclusive",
    "recovery_target_lsn",
    "recovery_target_name",
    "recovery_target_time",
    "recovery_target_timeline",
    "recovery_target_xid",
    "restart_after_crash",
    "save",
    "session_replication_role",
    "sync_binlog",
    "synchronous_commit",
    "synchronous_standby_names",
    "wal_keep_size",
    "wal_level",
    "wal_log_hints",
    "wal_receiver_create_temp_slot",
    "wal_sync_method",
    "zero_damaged_pages",
];

/// Settings that the server hides from plain roles because they tell about its host: not secrets, but
/// not for everybody either.
const HOST_PRIVATE: &[&str] = &[
    "config_file",
    "data_directory",
    "dynamic_library_path",
    "extension_destdir",
    "external_pid_file",
    "hba_file",
    "ident_file",
    "jit_provider",
    "krb_server_keyfile",
    "local_preload_libraries",
    "log_directory",
    "log_filename",
    "output_plugin_libraries",
    "session_preload_libraries",
    "shared_preload_libraries",
    "ssl_ca_file",
    "ssl_cert_file",
    "ssl_ciphers",
    "ssl_crl_dir",
    "ssl_crl_file",
    "ssl_dh_params_file",
    "ssl_ecdh_curve",
    "ssl_key_file",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "unix_socket_directories",
    "unix_socket_group",
    "unix_socket_permissions",
];

/// Extensions whose settings are known to hold no secret.
const HARMLESS_EXTENSIONS: &[&str] = &[
    "auth_delay",
    "auto_explain",
    "autoprewarm",
    "bloom",
    "isn",
    "pg_prewarm",
    "pg_stat_statements",
    "pg_trgm",
    "pgaudit",
    "pgstattuple",
    "plpgsql",
    "postgis",
    "seg",
];

/// Whether the text of a setting may be kept and shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Secrecy {
    /// For everybody.
    Open,
    /// Tells about the server's host; the engine hides it from plain roles. Kept, and shown to those who
    /// operate the target.
    HostPrivate,
    /// Holds a secret, regularly or by its nature: only its fingerprint is kept.
    Secret,
}

/// The class of the setting `name` of `engine`; `def` is its definition, when the pack or the live
/// catalogue has one. Without a definition the answer is the careful one.
#[must_use]
pub fn class_of(engine: EngineKind, name: &SettingName, def: Option<&SettingDef>) -> SettingClass {
    let text = name.as_str();
    if code_running(engine, text) {
        return SettingClass::CodeRunning;
    }
    if secret(name) == Secrecy::Secret && !open_text(name, def) {
        return SettingClass::Secret;
    }
    if AUTHENTICATION.contains(&text) || text == "ssl" || text.starts_with("ssl_") {
        return SettingClass::Authentication;
    }
    if DURABILITY.contains(&text) {
        return SettingClass::Durability;
    }
    match def.map(|d| d.context) {
        Some(Context::Internal | Context::Postmaster) | None => SettingClass::Restart,
        Some(_) => SettingClass::Reloadable,
    }
}

/// The class of one change: as the setting's, but for a list of synchronous standbys it counts which
/// way it goes. Emptying the list gives up a guarantee and is a matter of durability; filling it only
/// makes commits wait, and what makes every commit wait for nobody is an outage like any other, whose
/// undoing brings back the guarantee that was there before.
#[must_use]
pub fn class_of_change(name: &SettingName, class: SettingClass, new: Option<&str>) -> SettingClass {
    let fills = new.is_some_and(|list| !list.trim().is_empty());
    match name.as_str() {
        "synchronous_standby_names" if fills && class == SettingClass::Durability => {
            SettingClass::Reloadable
        }
        _ => class,
    }
}

/// Whether the text of the setting `name` may be kept and shown. Wider than the server's own list:
/// every `*_command` often carries a key, and what an unknown extension keeps is anybody's guess.
#[must_use]
pub fn secret(name: &SettingName) -> Secrecy {
    let text = name.as_str();
    let listed = SECRET.contains(&text) || text.ends_with("_command");
    let telling = [
        "password",
        "passphrase",
        "passwd",
        "secret",
        "token",
        "credential",
        "conninfo",
        "_key",
    ]
    .iter()
    .any(|word| text.contains(word));
    let known = matches!(
        text,
        "max_index_keys"
            | "md5_password_warnings"
            | "password_encryption"
            | "ssl_passphrase_command_supports_reload"
    ) || HOST_PRIVATE.contains(&text);
    if listed || (telling && !known) || unknown_extension(text) {
        return Secrecy::Secret;
    }
    if HOST_PRIVATE.contains(&text) {
        Secrecy::HostPrivate
    } else {
        Secrecy::Open
    }
}

/// Whether `value`, the text of any setting, looks as if it held a secret: an address with a user and
/// a password, or a `password=` of any spelling.
#[must_use]
pub fn secret_text(value: &str) -> Secrecy {
    let lower = value.to_lowercase();
    let userinfo = lower.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', ' ', '\'']).next().unwrap_or_default();
        authority
            .rsplit_once('@')
            .is_some_and(|(user, _)| user.contains(':'))
    });
    let assigned = [
        "password",
        "passwd",
        "pwd",
        "secret",
        "token",
        "api_key",
        "apikey",
        "access_key",
    ]
    .iter()
    .any(|word| {
        lower
            .split(word)
            .skip(1)
            .any(|rest| rest.trim_start().starts_with(['=', ':']))
    });
    if userinfo || assigned {
        Secrecy::Secret
    } else {
        Secrecy::Open
    }
}

fn code_running(engine: EngineKind, text: &str) -> bool {
    if engine != EngineKind::Postgresql && CODE_RUNNING_ELSEWHERE.contains(&text) {
        return true;
    }
    CODE_RUNNING.contains(&text)
        || [
            "_command",
            "_library",
            "_libraries",
            "_library_path",
            "_program",
            "_hook",
        ]
        .iter()
        .any(|end| text.ends_with(end))
}

/// An extension setting of a kind that has no room for a secret.
fn open_text(name: &SettingName, def: Option<&SettingDef>) -> bool {
    let roomless = def.is_some_and(|d| !matches!(d.kind, ValueKind::Text | ValueKind::List));
    roomless && unknown_extension(name.as_str())
}

fn unknown_extension(text: &str) -> bool {
    text.split_once('.')
        .is_some_and(|(prefix, _)| !HARMLESS_EXTENSIONS.contains(&prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_names_without_a_definition() {
        let class = |name| class_of(EngineKind::Postgresql, &SettingName::new(name), None);
        for (name, expected) in [
            ("archive_command", SettingClass::CodeRunning),
            ("shared_preload_libraries", SettingClass::CodeRunning),
            ("ssl_passphrase_command", SettingClass::CodeRunning),
            ("some_ext.run_command", SettingClass::CodeRunning),
            ("primary_conninfo", SettingClass::Secret),
            ("vault.token_path", SettingClass::Secret),
            ("app.tenant", SettingClass::Secret),
            ("pg_hba", SettingClass::Authentication),
            ("ssl_cert_file", SettingClass::Authentication),
            ("listen_addresses", SettingClass::Authentication),
            ("password_encryption", SettingClass::Authentication),
            ("fsync", SettingClass::Durability),
            ("synchronous_standby_names", SettingClass::Durability),
            ("pg_stat_statements.max", SettingClass::Restart),
            ("never_heard_of", SettingClass::Restart),
        ] {
            assert_eq!(class(name), expected, "{name}");
        }
    }

    #[test]
    fn switches_and_words_about_passwords_are_no_secrets() {
        for (name, secrecy) in [
            ("md5_password_warnings", Secrecy::Open),
            ("max_index_keys", Secrecy::Open),
            ("password_encryption", Secrecy::Open),
            ("ssl_passphrase_command_supports_reload", Secrecy::Open),
            ("ssl_passphrase_command", Secrecy::Secret),
            ("md5_password", Secrecy::Secret),
            ("some_ext.password_warnings", Secrecy::Secret),
        ] {
            assert_eq!(secret(&SettingName::new(name)), secrecy, "{name}");
        }
    }

    #[test]
    fn texts_that_hold_a_secret_show_it() {
        for text in [
            "host=a user=b PASSWORD = 'c'",
            "postgresql://app:hunter2@db/shop",
            "curl -H token:abc https://x",
        ] {
            assert_eq!(secret_text(text), Secrecy::Secret, "{text}");
        }
        for text in [
            "64MB",
            "postgresql://app@db/shop",
            "test ! -f /arc/%f && cp %p /arc/%f",
        ] {
            assert_eq!(secret_text(text), Secrecy::Open, "{text}");
        }
    }
}
