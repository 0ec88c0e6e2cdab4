//! The check before every request: whose key it is, what the key is good for, and which session it may be about. What changed
//! something is noted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State};
use axum::http::Method;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio_util::sync::CancellationToken;
use wakeeper_access::{Call, Caller, Keys, Refusal, Scope};
use wakeeper_model::SessionName;

use super::auth::KeyPolicy;
use super::error::{ApiError, ErrorCode};
use super::mcp;
use super::scopes::{self, Place};

/// How long an answer waits for what it did to be noted.
const NOTING: Duration = Duration::from_secs(5);

/// Noted for a caller who went away before the answer: what was asked for may be done all the same.
const WENT_AWAY: u16 = 499;

/// What the check needs.
#[derive(Clone)]
pub(super) struct Guard {
    pub keys: KeyPolicy,
    pub access: Keys,
    pub stopping: CancellationToken,
}

tokio::task_local! {
    /// The request that this task answers.
    static UNDER_WAY: Arc<UnderWay>;
}

/// A request under way.
struct UnderWay {
    caller: Caller,
    /// The session that it is about, once that is known.
    session: OnceLock<String>,
    is_checked: AtomicBool,
}

/// Lets the request's key through to this session.
///
/// # Errors
/// 403, whether there is such a session or not.
pub(super) fn reaches(session: &str) -> Result<(), ApiError> {
    // What nobody asked for over HTTP is not limited.
    UNDER_WAY.try_with(|request| request.reaches(session)).unwrap_or(Ok(()))
}

/// As [`reaches`], of a request that does more than its route says.
///
/// # Errors
/// 403.
pub(super) fn may(scope: Scope) -> Result<(), ApiError> {
    UNDER_WAY.try_with(|request| request.caller.may(scope).map_err(refused)).unwrap_or(Ok(()))
}

/// The one session that the request's key is limited to.
pub(super) fn only_session() -> Option<String> {
    UNDER_WAY.try_with(|request| request.caller.only_session().map(str::to_owned)).ok().flatten()
}

/// Whoever asks, for handlers that go on after their answer began.
pub(super) struct Asking(pub Caller);

impl<S: Send + Sync> FromRequestParts<S> for Asking {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let caller = parts.extensions.get::<Caller>().cloned();
        let unknown = || ApiError::new(ErrorCode::Internal, "The gateway does not know whose key this is");
        caller.map(Self).ok_or_else(unknown)
    }
}

impl UnderWay {
    fn reaches(&self, session: &str) -> Result<(), ApiError> {
        self.is_checked.store(true, Ordering::Relaxed);
        self.is_about(session);
        self.caller.reaches(session).map_err(refused)
    }

    /// For what is noted: only what can be the name of a session.
    fn is_about(&self, session: &str) {
        if session.parse::<SessionName>().is_ok() {
            let _ = self.session.set(session.to_owned());
        }
    }

    /// Before the handler runs: the scope, and the session where the path names it.
    fn enter(&self, needed: Option<(Scope, Place)>, in_path: Option<&str>) -> Result<(), ApiError> {
        let Some((scope, place)) = needed else {
            return self.caller.may(Scope::Admin).map_err(refused);
        };
        if let Some(session) = in_path {
            self.is_about(session);
        }
        self.caller.may(scope).map_err(refused)?;
        match place {
            Place::InPath => self.reaches(in_path.unwrap_or_default()),
            Place::InRequest | Place::Nowhere => Ok(()),
        }
    }
}

/// Asks for the key under `/api`, before anything else: a stranger learns nothing, not even which
/// paths there are. Then turns requests away while the gateway shuts down.
pub(super) async fn admit(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if path != "/api" && !path.starts_with("/api/") && path != "/ws" && path != mcp::PATH {
        return next.run(request).await;
    }
    let known = guard.keys.caller(request.headers(), request.uri().query(), &guard.access);
    let caller = match known {
        Ok(caller) => caller,
        Err(error) => return error.into_response(),
    };
    if let Err(refusal) = caller.count() {
        return refused(refusal).into_response();
    }
    if guard.stopping.is_cancelled() {
        return ApiError::shutting_down().into_response();
    }
    answer(&guard.access, caller, request, next).await
}

async fn answer(access: &Keys, caller: Caller, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let params = RawPathParams::from_request_parts(&mut parts, &()).await.ok();
    let session = params
        .as_ref()
        .and_then(|all| all.iter().find(|(name, _)| *name == "session"))
        .map(|(_, value)| value);
    let route = parts.extensions.get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let method = parts.method.clone();
    let needed = route.as_deref().and_then(|route| scopes::of(&method, route));
    let request =
        UnderWay { caller: caller.clone(), session: OnceLock::new(), is_checked: AtomicBool::new(false) };
    let request = Arc::new(request);
    // Where there is no route there is nothing to protect.
    let entered = if route.is_some() { request.enter(needed, session) } else { Ok(()) };
    if let Err(error) = entered {
        // Counted, not noted: whoever may do nothing must not push out what others did.
        metrics::counter!("wakeeper_calls_refused_total").increment(1);
        return error.into_response();
    }
    let noted = route.zip(needed).filter(|(_, (scope, _))| is_noted(&method, *scope));
    let note = noted.map(|(route, _)| Note {
        access: access.clone(),
        request: Arc::clone(&request),
        method,
        route,
        status: Some(WENT_AWAY),
    });
    parts.extensions.insert(caller);
    let run = next.run(Request::from_parts(parts, body));
    let response = judged(&request, needed, UNDER_WAY.scope(Arc::clone(&request), run).await);
    if let Some(mut note) = note {
        note.status = None;
        let _ = tokio::time::timeout(NOTING, note.write(response.status().as_u16())).await;
    }
    response
}

/// A call that is to be noted. Where its caller goes away before the answer, it is noted all the same.
struct Note {
    access: Keys,
    request: Arc<UnderWay>,
    method: Method,
    route: String,
    /// What is noted when it is dropped.
    status: Option<u16>,
}

impl Note {
    async fn write(&self, status: u16) {
        let session = self.request.session.get().map(String::as_str);
        let call = Call { method: self.method.as_str(), route: &self.route, session, status };
        self.access.note(&self.request.caller, call).await;
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        let Some(status) = self.status.take() else { return };
        let note = Self {
            access: self.access.clone(),
            request: Arc::clone(&self.request),
            method: self.method.clone(),
            route: self.route.clone(),
            status: None,
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { note.write(status).await });
        }
    }
}

/// A handler that did not ask whether its caller may reach the session is a fault of wakeeper, and its answer is not given away.
fn judged(request: &UnderWay, needed: Option<(Scope, Place)>, response: Response) -> Response {
    let of_one = request.caller.only_session().is_some();
    let named = needed.is_some_and(|(_, place)| place == Place::InRequest);
    if of_one && named && response.status().is_success() && !request.is_checked.load(Ordering::Relaxed) {
        tracing::error!("a route answered a key of one session without asking which session it is about");
        return ApiError::new(ErrorCode::Internal, "The gateway could not do it; its log says why")
            .into_response();
    }
    response
}

/// What changes the gateway or a session is noted; what reads or sends is not.
fn is_noted(method: &Method, scope: Scope) -> bool {
    let changes = matches!(scope, Scope::Admin | Scope::Control | Scope::Setting | Scope::Delete);
    changes && *method != Method::GET && *method != Method::HEAD
}

fn refused(refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::Scope(Scope::Admin) => {
            ApiError::new(ErrorCode::ScopeNotAllowed, "This API key is no administrator's")
                .hint("use the key of API_KEY, or one that was made with isAdmin: true")
        }
        Refusal::Scope(scope) => ApiError::new(
            ErrorCode::ScopeNotAllowed,
            format!("This API key may not do that: it lacks {scope}"),
        )
        .hint(format!("PUT /api/keys/{{id}} gives it the action {scope}")),
        Refusal::Session => {
            ApiError::new(ErrorCode::SessionNotAllowed, "This API key is for another session")
                .hint("GET /api/sessions lists the session that it is for")
        }
        Refusal::Rate(wait) => ApiError::new(ErrorCode::RateLimited, "This API key was used too often")
            .retry_after(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
            .hint("its rateLimit says how many requests it may make in a minute"),
    }
}
