//! What can go wrong, as a person reads it: one line, the reason, what to type next, a stable code.
//! Every kind has one exit code, in one table.

use std::process::ExitCode;

/// Exit codes; documented in `backstay topic exit-codes`, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Ok,
    Failure,
    Usage,
    Gate,
    Inconclusive,
    Conflict,
    Unreachable,
    Refused,
    TimedOut,
    Interrupted,
}

impl Exit {
    /// Every exit code, ascending.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 10] = [
        Self::Ok,
        Self::Failure,
        Self::Usage,
        Self::Gate,
        Self::Inconclusive,
        Self::Conflict,
        Self::Unreachable,
        Self::Refused,
        Self::TimedOut,
        Self::Interrupted,
    ];

    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::Gate => 3,
            Self::Inconclusive => 4,
            Self::Conflict => 5,
            Self::Unreachable => 6,
            Self::Refused => 7,
            Self::TimedOut => 8,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Stable names of failures: `E-AREA-WHAT`. Retired ones are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// The command line asks for something that does not exist or contradicts itself.
    Usage,
    /// Promised for a later version.
    NotYet,
    /// This build was made without that part.
    NotBuilt,
    /// The configuration file is wrong.
    Config,
    /// The connection string is wrong.
    Dsn,
    /// Nobody answers.
    Unreachable,
    /// The server refuses the login.
    LoginRefused,
    /// The server answers and cannot be used.
    #[cfg_attr(not(feature = "neo4j"), allow(dead_code, reason = "said of Neo4j"))]
    Unfit,
    /// A right is missing.
    Right,
    /// Another server than the expected one answers.
    AnotherServer,
    /// No such setting.
    UnknownSetting,
    /// A value that the setting cannot have.
    BadValue,
    /// Two values for one setting.
    TwoValues,
    /// A file cannot be read or is not what it should be.
    File,
    /// The state directory cannot be used.
    Store,
    /// The state directory is of a newer format.
    NewerFormat,
    /// Another process holds the state directory.
    Locked,
    /// The journal is damaged.
    Broken,
    /// No room left.
    Full,
    /// No such change set, plan or snapshot.
    Unknown,
    /// No guard answers on this state directory.
    NoGuard,
    /// The guard is there and did not answer in time.
    NoAnswer,
    /// Policy or the guard refused.
    Refused,
    /// Something moved meanwhile.
    Conflict,
    /// No server binaries.
    NoBinaries,
    /// No knowledge for this engine and version.
    NoPack,
    /// Something that should not happen.
    Internal,
}

impl Code {
    /// Every code, in the order of the enum.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 27] = [
        Self::Usage,
        Self::NotYet,
        Self::NotBuilt,
        Self::Config,
        Self::Dsn,
        Self::Unreachable,
        Self::LoginRefused,
        Self::Unfit,
        Self::Right,
        Self::AnotherServer,
        Self::UnknownSetting,
        Self::BadValue,
        Self::TwoValues,
        Self::File,
        Self::Store,
        Self::NewerFormat,
        Self::Locked,
        Self::Broken,
        Self::Full,
        Self::Unknown,
        Self::NoGuard,
        Self::NoAnswer,
        Self::Refused,
        Self::Conflict,
        Self::NoBinaries,
        Self::NoPack,
        Self::Internal,
    ];

    /// Name and exit code: the one table.
    pub(crate) const fn entry(self) -> (&'static str, Exit) {
        match self {
            Self::Usage => ("E-CONF-USAGE", Exit::Usage),
            Self::NotYet => ("E-CONF-NOT-YET", Exit::Usage),
            Self::NotBuilt => ("E-MODEL-NOT-BUILT", Exit::Usage),
            Self::Config => ("E-CONF-FILE", Exit::Usage),
            Self::Dsn => ("E-CONN-DSN", Exit::Usage),
            Self::Unreachable => ("E-CONN-UNREACHABLE", Exit::Unreachable),
            Self::LoginRefused => ("E-CONN-LOGIN", Exit::Unreachable),
            Self::Unfit => ("E-CONN-UNFIT", Exit::Unreachable),
            Self::Right => ("E-PERM-READ", Exit::Unreachable),
            Self::AnotherServer => ("E-CONN-ANOTHER-SERVER", Exit::Conflict),
            Self::UnknownSetting => ("E-PLAN-UNKNOWN-SETTING", Exit::Usage),
            Self::BadValue => ("E-PLAN-BAD-VALUE", Exit::Usage),
            Self::TwoValues => ("E-PLAN-TWO-VALUES", Exit::Usage),
            Self::File => ("E-CONF-INPUT", Exit::Failure),
            Self::Store => ("E-STORE-IO", Exit::Failure),
            Self::NewerFormat => ("E-STORE-NEWER-FORMAT", Exit::Failure),
            Self::Locked => ("E-STORE-LOCKED", Exit::Conflict),
            Self::Broken => ("E-AUDIT-BROKEN", Exit::Failure),
            Self::Full => ("E-STORE-FULL", Exit::Failure),
            Self::Unknown => ("E-PLAN-UNKNOWN-ID", Exit::Usage),
            Self::NoGuard => ("E-AGENT-NO-GUARD", Exit::Unreachable),
            Self::NoAnswer => ("E-AGENT-NO-ANSWER", Exit::TimedOut),
            Self::Refused => ("E-GATE-REFUSED", Exit::Refused),
            Self::Conflict => ("E-PLAN-CONFLICT", Exit::Conflict),
            Self::NoBinaries => ("E-AGENT-NO-BINARIES", Exit::Failure),
            Self::NoPack => ("E-MODEL-NO-PACK", Exit::Inconclusive),
            Self::Internal => ("E-AGENT-INTERNAL", Exit::Failure),
        }
    }
}

/// A failure, ready to be shown.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) exit: Exit,
    /// What failed, lower case, no full stop.
    pub(crate) primary: String,
    /// Why: the chain of causes.
    pub(crate) detail: Vec<String>,
    /// What to do or type next.
    pub(crate) hints: Vec<String>,
}

impl Failure {
    pub(crate) fn new(code: Code, primary: impl Into<String>) -> Self {
        Self {
            code,
            exit: code.entry().1,
            primary: primary.into(),
            detail: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// A failure out of an error and everything that caused it.
    pub(crate) fn of(code: Code, error: &dyn std::error::Error) -> Self {
        let mut failure = Self::new(code, error.to_string());
        let mut cause = error.source();
        while let Some(inner) = cause {
            failure.detail.push(inner.to_string());
            cause = inner.source();
        }
        failure
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    pub(crate) fn because(mut self, why: impl Into<String>) -> Self {
        self.detail.push(why.into());
        self
    }

    /// Something the command line promises for a later version: said plainly, exit code 2.
    pub(crate) fn not_yet(what: &str) -> Self {
        Self::new(Code::NotYet, format!("{what} is not available yet"))
    }
}
