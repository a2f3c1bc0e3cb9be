//! What a server takes as the text of a setting, as far as that can be told without one.
//!
//! The catalogue of PostgreSQL says "text" of what is a time zone, a list of names or a grammar of its own; the
//! server reads it all the same, and does not start with what it cannot read. Every form here is held
//! against servers of 14 to 18 (`e2e`, texts). What depends on the server's host, on its libraries or on its
//! databases is left undecided, never guessed.

use std::borrow::Cow;

mod encoding;
mod list;
mod names;
mod recovery;
mod standby;
mod words;
mod zone;

/// Longest identifier of a server as it is built usually, in bytes.
const NAME_LEN_MAX: usize = 63;

/// What is to say about a text before any server sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Judgement {
    /// Every server of the version takes it.
    Taken,
    /// No server of the version starts with it; what it takes instead, for a person.
    Refused(Cow<'static, str>),
    /// It depends on what only a server knows; on what, for a person.
    Undecided(Cow<'static, str>),
}

/// The form of the texts of one setting in one major version of its engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Form {
    grammar: Grammar,
    major: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Grammar {
    /// Any text: commands, paths, prefixes, cipher lists, connection strings.
    Free,
    DateStyle,
    /// A list of these words.
    Words(&'static [&'static str], &'static str),
    LogDestination,
    LogConnections,
    WalConsistency,
    /// Identifiers with commas between them.
    Names,
    SlotNames,
    SlotName,
    Tablespaces,
    /// A name of something in the databases; these are always there.
    Object(&'static [&'static str], &'static str),
    AccessMethod,
    Addresses,
    SocketDirectories,
    SocketGroup,
    Libraries,
    /// Libraries that anybody may load.
    Plugins,
    Locale(EmptyLocale),
    TimeZone,
    LogTimeZone,
    Abbreviations,
    Encoding,
    Standbys,
    Functions,
    Recovery(recovery::Part),
}

/// What an empty locale means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum EmptyLocale {
    /// The environment's.
    Environment,
    /// None: a file must name one.
    Refused,
}

const SELF_GRANTS: &str = "it takes a list of set, inherit";
const RELATION_KINDS: &str = "it takes a list of view, foreign-table";
const DIRECT: &str = "it takes a list of data, wal, wal_init";
const SEARCH: &str = "a text search configuration of the databases";
const TABLESPACE: &str = "a tablespace of the server";

impl Form {
    /// Any text.
    pub const FREE: Self = Self {
        grammar: Grammar::Free,
        major: 0,
    };

    /// The form of PostgreSQL's setting `name` in the version `major`.
    #[must_use]
    pub(crate) fn of(name: &str, major: u32) -> Self {
        use recovery::Part;
        let grammar = match name {
            "datestyle" => Grammar::DateStyle,
            "log_destination" => Grammar::LogDestination,
            "log_connections" => Grammar::LogConnections,
            "wal_consistency_checking" => Grammar::WalConsistency,
            "createrole_self_grant" => Grammar::Words(&["set", "inherit"], SELF_GRANTS),
            "restrict_nonsystem_relation_kind" => {
                Grammar::Words(&["view", "foreign-table"], RELATION_KINDS)
            }
            "debug_io_direct" => Grammar::Words(&["data", "wal", "wal_init"], DIRECT),
            "search_path" => Grammar::Names,
            "synchronized_standby_slots" => Grammar::SlotNames,
            "primary_slot_name" => Grammar::SlotName,
            "temp_tablespaces" => Grammar::Tablespaces,
            "default_tablespace" => Grammar::Object(&["", "pg_default"], TABLESPACE),
            "default_text_search_config" => Grammar::Object(words::SEARCH_CONFIGURATIONS, SEARCH),
            "default_table_access_method" => Grammar::AccessMethod,
            "listen_addresses" => Grammar::Addresses,
            "unix_socket_directories" => Grammar::SocketDirectories,
            "unix_socket_group" => Grammar::SocketGroup,
            "shared_preload_libraries"
            | "session_preload_libraries"
            | "archive_library"
            | "jit_provider"
            | "oauth_validator_libraries" => Grammar::Libraries,
            "local_preload_libraries" => Grammar::Plugins,
            "lc_messages" => Grammar::Locale(EmptyLocale::Refused),
            "lc_monetary" | "lc_numeric" | "lc_time" => Grammar::Locale(EmptyLocale::Environment),
            "timezone" => Grammar::TimeZone,
            "log_timezone" => Grammar::LogTimeZone,
            "timezone_abbreviations" => Grammar::Abbreviations,
            "client_encoding" => Grammar::Encoding,
            "synchronous_standby_names" => Grammar::Standbys,
            "backtrace_functions" => Grammar::Functions,
            "recovery_target" => Grammar::Recovery(Part::Immediate),
            "recovery_target_lsn" => Grammar::Recovery(Part::Lsn),
            "recovery_target_name" => Grammar::Recovery(Part::Name),
            "recovery_target_time" => Grammar::Recovery(Part::Time),
            "recovery_target_timeline" => Grammar::Recovery(Part::Timeline),
            "recovery_target_xid" => Grammar::Recovery(Part::Xid),
            _ => Grammar::Free,
        };
        Self { grammar, major }
    }

    /// What is to say about `text`.
    #[must_use]
    pub fn judge(self, text: &str) -> Judgement {
        match self.grammar {
            Grammar::Free => Judgement::Taken,
            Grammar::DateStyle => words::date_style(text),
            Grammar::Words(allowed, takes) => words::only(text, allowed, takes),
            Grammar::LogDestination => words::log_destination(text, self.major),
            Grammar::LogConnections => words::log_connections(text),
            Grammar::WalConsistency => words::wal_consistency(text, self.major),
            Grammar::Names => names::identifiers(text),
            Grammar::SlotNames => names::slot_names(text),
            Grammar::SlotName => names::slot_name(text),
            Grammar::Tablespaces => names::tablespaces(text),
            Grammar::Object(known, what) => names::object(text, known, what),
            Grammar::AccessMethod => names::access_method(text),
            Grammar::Addresses => names::addresses(text),
            Grammar::SocketDirectories => names::sockets(text),
            Grammar::SocketGroup => names::group(text),
            Grammar::Libraries => names::libraries(text),
            Grammar::Plugins => names::plugins(text),
            Grammar::Locale(empty) => names::locale(text, empty),
            Grammar::TimeZone => zone::session(text),
            Grammar::LogTimeZone => zone::log(text),
            Grammar::Abbreviations => zone::abbreviations(text),
            Grammar::Encoding => encoding::judge(text),
            Grammar::Standbys => standby::judge(text),
            Grammar::Functions => names::functions(text),
            Grammar::Recovery(part) => part.judge(text),
        }
    }

    /// The items of a list: as the server parts it where it reads libraries, of which it loads none when
    /// it cannot; else parted by commas, in lower case where not quoted.
    pub(crate) fn items(self, text: &str) -> Vec<String> {
        if !matches!(self.grammar, Grammar::Libraries | Grammar::Plugins) {
            return crate::units::items(text);
        }
        let plain = |item: String| item.trim_start_matches("$libdir/").to_owned();
        let items = list::directories(text).unwrap_or_default();
        items.into_iter().map(plain).collect()
    }
}

impl Judgement {
    const fn refused(takes: &'static str) -> Self {
        Self::Refused(Cow::Borrowed(takes))
    }

    const fn undecided(why: &'static str) -> Self {
        Self::Undecided(Cow::Borrowed(why))
    }

    /// Taken when it could be read, else refused.
    fn read(read: Option<()>, takes: &'static str) -> Self {
        read.map_or(Self::refused(takes), |()| Self::Taken)
    }
}

#[cfg(test)]
mod tests;
