//! `wakeeper keys`: API keys with scopes, whether the gateway runs or not.

use clap::{Args, Subcommand};
use serde_json::json;
use wakeeper_gateway::serving::reachable;
use wakeeper_offline::keys::KeyRing;
use wakeeper_waha::{ApiKeyRequest, SessionActions};

use super::serve::SettingFlags;
use crate::output::console;
use crate::settings::KeySettings;

/// Make, list and revoke API keys, whether the gateway runs or not
#[derive(Args)]
#[command(
    after_help = "Examples:\n  wakeeper keys create --session default --actions read,send\n  wakeeper keys list\n  wakeeper keys revoke key_0123456789abcdef"
)]
pub struct Keys {
    #[command(subcommand)]
    deed: Deed,
    /// Print one JSON document
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    settings: SettingFlags,
}

#[derive(Subcommand)]
enum Deed {
    /// Make a key, and show it this once
    Create {
        /// It opens everything, as the key of API_KEY does
        #[arg(long, conflicts_with_all = ["session", "actions"])]
        admin: bool,
        /// The one session that it is good for; without it all
        #[arg(long, value_name = "NAME")]
        session: Option<String>,
        /// What it may do: read, send, control, setting, delete, media; without it all that concerns sessions
        #[arg(long, value_name = "ACTION", value_delimiter = ',', value_parser = SessionActions::NAMES)]
        actions: Option<Vec<String>>,
        /// Requests that it may make in a minute; without it as many as it likes
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        rate_limit: Option<u32>,
    },
    /// List the keys
    List,
    /// Revoke a key
    Revoke {
        /// The key's id
        id: String,
    },
}

impl Keys {
    /// Opens the keys, does it, and shows what came of it.
    pub async fn run(self) -> anyhow::Result<()> {
        let settings: KeySettings = self.settings.resolve()?;
        let (listen, folder) = (settings.listen, settings.session.auth_info_dir);
        let ring = KeyRing::open(&folder, reachable(listen.address), listen.api_key.known(&folder)).await?;
        let console = console(self.json);
        match self.deed {
            Deed::Create { admin, session, actions, rate_limit } => {
                let actions = actions.map(|names| SessionActions::of(&names));
                let wanted = ApiKeyRequest { is_admin: admin, session, is_active: true, actions, rate_limit };
                let made = ring.make(wanted).await?;
                console.show(&made, |page| {
                    page.line(format!("{}: {made}", made.id));
                    page.line(format!("The key, shown this once: {}", made.key));
                })?;
            }
            Deed::List => {
                let keys = ring.list().await?;
                console.show(&keys, |page| match keys.as_slice() {
                    [] => page.line("No keys but the administrator's."),
                    keys => keys.iter().for_each(|key| page.line(format!("{}: {key}", key.id))),
                })?;
            }
            Deed::Revoke { id } => {
                ring.revoke(&id).await?;
                console
                    .show(&json!({"id": id, "revoked": true}), |page| page.line(format!("Revoked {id}.")))?;
            }
        }
        ring.close().await;
        Ok(())
    }
}
