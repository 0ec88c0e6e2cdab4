//! Waiting for what can only be asked for.

use std::time::Duration;

use anyhow::bail;

/// How long anything may take; what takes longer hangs.
pub const PATIENCE: Duration = Duration::from_mins(3);
/// How long it is until the next question.
const PAUSE: Duration = Duration::from_millis(10);

/// Asks until there is an answer. What goes wrong meanwhile only counts when there never is one.
pub async fn until<T>(
    what: &str,
    mut ask: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let mut last = String::new();
    let asking = async {
        loop {
            match ask().await {
                Ok(Some(found)) => return found,
                Ok(None) => last.clear(),
                Err(error) => last = format!(": {error:#}"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    match tokio::time::timeout(PATIENCE, asking).await {
        Ok(found) => Ok(found),
        Err(_) => bail!("waited {PATIENCE:?} in vain for {what}{last}"),
    }
}
