//! Which server a build may talk to: production builds only WhatsApp, demo builds never.

/// Why a server address was refused.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// A production build was given another server.
    #[error("WHATSAPP_WS_URL works only in builds with the demo feature; this one talks to WhatsApp alone")]
    NotInThisBuild,
    /// A demo build was given no server, or WhatsApp's own.
    #[error(
        "a demo build skips WhatsApp's certificate check, so it needs WHATSAPP_WS_URL set to a simulator"
    )]
    Missing,
    /// Not a `ws://` or `wss://` URL.
    #[error("WHATSAPP_WS_URL must look like ws://127.0.0.1:8193/ws/chat")]
    Malformed,
    /// The host is neither loopback nor private.
    #[error(
        "a demo build talks only to addresses on this machine or a private network, not to the one in WHATSAPP_WS_URL"
    )]
    NotPrivate,
}

/// The WebSocket URL to use instead of WhatsApp's own.
///
/// # Errors
/// When this build must not use it.
#[cfg(not(feature = "demo"))]
pub(crate) fn check(url: Option<&str>) -> Result<Option<String>, EndpointError> {
    match url {
        None => Ok(None),
        Some(_) => Err(EndpointError::NotInThisBuild),
    }
}

/// The WebSocket URL to use instead of WhatsApp's own.
///
/// # Errors
/// When it is missing, or names a host that is not loopback or private.
#[cfg(feature = "demo")]
pub(crate) fn check(url: Option<&str>) -> Result<Option<String>, EndpointError> {
    let text = url.ok_or(EndpointError::Missing)?;
    let url = reqwest::Url::parse(text).map_err(|_| EndpointError::Malformed)?;
    if !matches!(url.scheme(), "ws" | "wss") {
        return Err(EndpointError::Malformed);
    }
    let host = url.host_str().ok_or(EndpointError::Malformed)?.trim_matches(['[', ']']);
    let private = match host.parse() {
        Ok(address) => wakeeper_delivery::addresses::is_private(address),
        // Names inside a compose network have no dots; a public name always does.
        Err(_) => host == "localhost" || !host.contains('.'),
    };
    if private { Ok(Some(text.to_owned())) } else { Err(EndpointError::NotPrivate) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(not(feature = "demo"))]
    fn a_production_build_talks_to_whatsapp_alone() {
        assert!(matches!(check(None), Ok(None)));
        assert!(matches!(check(Some("ws://127.0.0.1:1/ws/chat")), Err(EndpointError::NotInThisBuild)));
    }

    #[test]
    #[cfg(feature = "demo")]
    fn a_demo_build_never_talks_to_whatsapp() {
        for good in [
            "ws://127.0.0.1:1/ws/chat",
            "ws://[::1]:1/",
            "ws://10.0.0.7:80/ws/chat",
            "ws://simulator:80/",
            "ws://localhost:1/",
        ] {
            assert!(check(Some(good)).is_ok(), "{good}");
        }
        for bad in [
            "wss://web.whatsapp.com/ws/chat",
            "ws://8.8.8.8/",
            "ws://1.2.3.4.nip.io/",
            "ws://[2001:4860::1]/",
        ] {
            assert!(matches!(check(Some(bad)), Err(EndpointError::NotPrivate)), "{bad}");
        }
        assert!(matches!(check(None), Err(EndpointError::Missing)));
        assert!(matches!(check(Some("http://127.0.0.1/")), Err(EndpointError::Malformed)));
    }
}
