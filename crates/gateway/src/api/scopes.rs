//! What each route needs its key to be good for, and where its requests name the session that they are about.
//!
//! WAHA's actions are `read`, `send`, `control`, `setting`, `app` and `delete`; which operation belongs to which is wakeeper's
//! reading of these words. `docs/security.md` says it in words.

mod table;

use axum::http::Method;
use wakeeper_access::Scope;

/// Where a request names its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In its path, as `{session}`: known before its handler runs.
    InPath,
    /// In its body or its query: its handler asks for it with [`super::state::Api::session`] or [`super::access::reaches`].
    InRequest,
    /// It is about no session, or about all: its handler shows a key that is limited to one only what is of that one.
    Nowhere,
}

/// What a route needs, and where it names its session; `None` for a route that is not in the table, which opens to
/// administrators alone.
pub(super) fn of(method: &Method, route: &str) -> Option<(Scope, Place)> {
    // What answers GET answers HEAD.
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    let row = table::TABLE.iter().find(|(of, path, ..)| *of == method && *path == route);
    row.map(|(.., scope, place)| (*scope, *place))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Routes that are served and stand in no document: a session may be called as an older path ends, and what speaks another
    /// protocol has its own.
    fn is_unlisted(method: &str, route: &str) -> bool {
        let speaks_another = (method, route) == ("POST", crate::api::mcp::PATH);
        speaks_another
            || method != "POST"
                && ["start", "stop", "logout"].iter().any(|name| route == format!("/api/sessions/{name}"))
    }

    #[test]
    fn every_route_has_one_scope_and_every_scope_a_route() {
        let document = serde_json::to_value(crate::api::document()).unwrap();
        let mut served = BTreeSet::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for method in operations.as_object().unwrap().keys() {
                served.insert((method.to_uppercase(), path.clone()));
            }
        }
        served.retain(|(_, path)| path.starts_with("/api/") || path == "/ws");
        assert!(served.len() > 80, "{}", served.len());
        for (method, path) in &served {
            let rows = table::TABLE.iter().filter(|(of, route, ..)| of == method && route == path).count();
            assert_eq!(rows, 1, "{method} {path} needs one row in crates/gateway/src/api/scopes/table.rs");
        }
        let planned = include_str!("../../../../docs/waha.md");
        for (method, route, _, place) in table::TABLE {
            let is_served = served.contains(&((*method).to_owned(), (*route).to_owned()));
            let known =
                is_served || is_unlisted(method, route) || planned.contains(&format!("`{method} {route}`"));
            assert!(known, "{method} {route} is served nowhere");
            assert_eq!(route.contains("{session}"), *place == Place::InPath, "{method} {route}");
        }
    }

    #[test]
    fn what_reads_changes_nothing() {
        for (method, route, scope, _) in table::TABLE {
            let opens_a_login = route.contains("/auth/");
            let sends = *route == "/api/sendText" || route.ends_with("/new-message-id");
            if *method == "GET" && !opens_a_login && !sends {
                assert!(
                    !matches!(scope, Scope::Send | Scope::Control | Scope::Setting | Scope::Delete),
                    "{route}"
                );
            }
            if *method == "DELETE" {
                let own = matches!(scope, Scope::Delete | Scope::Admin) || route.ends_with("/picture");
                assert!(own, "{route}");
            }
        }
    }

    #[test]
    fn head_is_answered_as_get_and_nothing_else_is_known() {
        assert_eq!(of(&Method::HEAD, "/api/sessions"), Some((Scope::Status, Place::Nowhere)));
        assert_eq!(of(&Method::PATCH, "/api/sessions"), None);
        assert_eq!(of(&Method::GET, "/api/none"), None);
    }
}
