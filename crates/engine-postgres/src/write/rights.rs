//! Whether the role of the control connection may write, asked long before it has to.

use super::control::{Control, ControlError};
use crate::doctor::{PARAMETER_GRANTS_SINCE, writing_grants};

/// What a role lacks that is to put settings back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// The role of the control connection.
    pub role: String,
    /// What it may not do.
    pub missing: Vec<&'static str>,
    /// The statements that grant it, to be run by a superuser; none where the version has none.
    pub grants: Vec<String>,
}

/// What is known of the rights.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Rights {
    /// Nobody asked yet.
    #[default]
    Unasked,
    /// They were not enough.
    Lacking(Lack),
    /// They are enough; should one be taken away later, the server says so at the write.
    Enough,
}

/// What became known of the rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The role may not write.
    Lacks(Lack),
    /// It may now; this is what it lacked.
    Granted(Lack),
}

impl Rights {
    /// Asks, unless they are known to be enough.
    pub(super) async fn ask(&mut self, control: &Control) -> Result<Option<News>, ControlError> {
        if *self == Self::Enough {
            return Ok(None);
        }
        let now = asked(control).await?.map_or(Self::Enough, Self::Lacking);
        let before = std::mem::replace(self, now.clone());
        Ok(match (before, now) {
            (before, now) if before == now => None,
            (_, Self::Lacking(lack)) => Some(News::Lacks(lack)),
            (Self::Lacking(lack), _) => Some(News::Granted(lack)),
            _ => None,
        })
    }
}

async fn asked(control: &Control) -> Result<Option<Lack>, ControlError> {
    // Before 15 only a superuser may write settings of the instance.
    let parameters = match control.version >= PARAMETER_GRANTS_SINCE {
        true => {
            "EXISTS (SELECT FROM pg_settings WHERE has_parameter_privilege(name, 'ALTER SYSTEM'))"
        }
        false => "false",
    };
    let sql = format!(
        "SELECT current_user, r.rolsuper OR {parameters}, \
         has_function_privilege('pg_reload_conf()', 'EXECUTE') \
         FROM pg_roles r WHERE r.rolname = current_user"
    );
    let rows = control.rows(&sql).await?;
    let cell = |i: usize| rows.first().and_then(|r| r.get(i)).unwrap_or_default();
    let needs = [
        (1, "set any parameter (ALTER SYSTEM)"),
        (2, "activate what was written (pg_reload_conf)"),
    ];
    let lacking = needs.into_iter().filter(|(column, _)| cell(*column) != "t");
    let missing: Vec<&str> = lacking.map(|(_, what)| what).collect();
    let role = cell(0).to_owned();
    Ok((!missing.is_empty()).then(|| Lack {
        grants: writing_grants(control.version, &role),
        role,
        missing,
    }))
}
