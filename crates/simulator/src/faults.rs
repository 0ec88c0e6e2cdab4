//! Faults on demand: what can be broken, for whom, how often or how long.

use std::fmt;
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::node::{Content, Node};
use crate::server::{Address, StanzaClass};

/// How long a delayed stanza is held back when the fault does not say.
const USUAL_DELAY: Duration = Duration::from_secs(1);
/// How far the clock is off when the fault does not say, in seconds.
const USUAL_SKEW: i64 = 3600;
/// Faults that can be armed at once; older ones are dropped first.
const MOST_FAULTS: usize = 256;

/// One fault to provoke. As JSON: `{"kind":"corrupted","target":"62811…","count":3}`.
///
/// Without `count` and `for` a fault happens once. With `count` it happens that many times, with
/// `for` every time until the duration is over, with both until either is used up.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// Whom it hits: `"all"`, `"<number>"`, `"<number>:<device>"`; everyone by default.
    #[serde(default)]
    pub target: FaultTarget,
    /// How often it happens.
    #[serde(default)]
    pub count: Option<u32>,
    /// For how long it happens: a number of seconds, or a text such as `1500ms`, `10s`, `2m`.
    #[serde(default, rename = "for", deserialize_with = "duration")]
    pub lasting: Option<Duration>,
    /// [`FaultKind::Delayed`] and [`FaultKind::LongWay`]: by how many milliseconds; 1000 by default.
    #[serde(default)]
    pub delay_ms: Option<u64>,
    /// [`FaultKind::RateLimit`]: 429 (default) or 463.
    #[serde(default)]
    pub code: Option<u16>,
    /// [`FaultKind::ClockSkew`]: how many seconds the server's clock is ahead (negative: behind);
    /// 3600 by default.
    #[serde(default)]
    pub skew_seconds: Option<i64>,
    /// The stanza faults: which class is hit; messages by default.
    #[serde(default)]
    pub stanza: Option<StanzaClass>,
}

impl Fault {
    /// A fault of this kind that happens once, to anyone.
    pub fn once(kind: FaultKind) -> Self {
        Self {
            kind,
            target: FaultTarget::All,
            count: None,
            lasting: None,
            delay_ms: None,
            code: None,
            skew_seconds: None,
            stanza: None,
        }
    }

    /// The same fault for one target only.
    #[must_use]
    pub fn at(self, target: FaultTarget) -> Self {
        Self { target, ..self }
    }

    /// The same fault, several times.
    #[must_use]
    pub fn times(self, count: u32) -> Self {
        Self { count: Some(count), ..self }
    }

    /// How much longer something takes.
    pub(crate) fn delay(&self) -> Duration {
        self.delay_ms.map_or(USUAL_DELAY, Duration::from_millis)
    }

    /// The same fault, for a while.
    #[must_use]
    pub fn lasting(self, duration: Duration) -> Self {
        Self { lasting: Some(duration), ..self }
    }
}

/// What can go wrong.
///
/// Stanza faults hit what the server sends from a device's queue, phones included. Connection
/// faults and stream errors hit the live connections of companions at once; with a count above one
/// or a duration, and when nobody is connected, later logins too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// A ciphertext arrives with a flipped bit.
    Corrupted,
    /// A stanza arrives twice.
    Duplicated,
    /// A stanza arrives after the next one.
    Reordered,
    /// A stanza arrives late.
    Delayed,
    /// A stanza does not arrive; it is sent again after the next login.
    Lost,
    /// The connection is cut without a closing handshake.
    Dropped,
    /// The connection stays open, but nothing is read or written any more.
    Stalled,
    /// The connection stays open and is read, but nothing comes back.
    HalfOpen,
    /// The connection stays open and brings what the server sends, but nothing that comes from the device is heard.
    Unheard,
    /// `<stream:error code="515">`: reconnect.
    #[serde(rename = "stream_515", alias = "515", alias = "restart_required")]
    RestartRequired,
    /// `<stream:error><conflict type="replaced">`.
    #[serde(rename = "replaced", alias = "conflict")]
    Replaced,
    /// `<stream:error code="401"><conflict type="device_removed">`. The device stays linked, so
    /// that a client that tries again gets in.
    #[serde(rename = "logged_out", alias = "401")]
    LoggedOut,
    /// `<stream:error code="503">`: the service is unavailable.
    #[serde(rename = "stream_503", alias = "503", alias = "unavailable")]
    Unavailable,
    /// `<failure reason="405">` at login: the client's version is too old.
    #[serde(alias = "version_rejected")]
    RejectedVersion,
    /// `<failure reason="402">` at login, with a code and the seconds that it lasts: the account is banned for a while.
    Banned,
    /// Key bundles come without a one-time pre-key.
    PrekeysExhausted,
    /// The server's clock is off.
    ClockSkew,
    /// Messages and requests are refused with 429, or messages alone with 463.
    RateLimit,
    /// Messages are taken and passed on, but not acknowledged until faults are cleared.
    AcksWithheld,
    /// Whatever the server sends takes longer, and keeps its order: the server is far away.
    LongWay,
}

impl FaultKind {
    fn is_stanza_fault(self) -> bool {
        matches!(self, Self::Corrupted | Self::Duplicated | Self::Reordered | Self::Delayed | Self::Lost)
    }

    /// Does it end or cripple a connection?
    pub(crate) fn is_connection_fault(self) -> bool {
        matches!(
            self,
            Self::Dropped
                | Self::Stalled
                | Self::HalfOpen
                | Self::Unheard
                | Self::RestartRequired
                | Self::Replaced
                | Self::LoggedOut
                | Self::Unavailable
                | Self::LongWay
        )
    }

    /// The stream error that the fault consists of, if any.
    pub(crate) fn stream_error(self) -> Option<Node> {
        let error = Node::new("stream:error");
        match self {
            Self::RestartRequired => Some(error.attr("code", "515")),
            Self::Unavailable => Some(error.attr("code", "503")),
            Self::Replaced => Some(error.child(Node::new("conflict").attr("type", "replaced"))),
            Self::LoggedOut => {
                let conflict = Node::new("conflict").attr("type", "device_removed");
                Some(error.attr("code", "401").child(conflict))
            }
            _ => None,
        }
    }
}

/// Whom a fault hits.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum FaultTarget {
    /// Everyone.
    #[default]
    All,
    /// Every device of one number.
    Number(String),
    /// One device of one number.
    Device(String, u16),
}

impl FaultTarget {
    fn hits(&self, address: &Address) -> bool {
        match self {
            Self::All => true,
            Self::Number(number) => *number == address.number,
            Self::Device(number, device) => *number == address.number && *device == address.device,
        }
    }
}

impl fmt::Debug for FaultTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "All",
            Self::Number(_) => "Number(..)",
            Self::Device(..) => "Device(..)",
        })
    }
}

impl<'de> Deserialize<'de> for FaultTarget {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "all" {
            return Ok(Self::All);
        }
        let (number, device) = match text.split_once(':') {
            Some((number, device)) => (number, Some(device)),
            None => (text.as_str(), None),
        };
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(D::Error::custom("expected \"all\", \"<number>\" or \"<number>:<device>\""));
        }
        match device.map(str::parse) {
            None => Ok(Self::Number(number.to_owned())),
            Some(Ok(device)) => Ok(Self::Device(number.to_owned(), device)),
            Some(Err(_)) => Err(D::Error::custom("the device in the target is not a number")),
        }
    }
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Seconds(f64),
        Text(String),
    }
    let Some(written) = Option::<Written>::deserialize(deserializer)? else { return Ok(None) };
    let seconds = match &written {
        Written::Seconds(seconds) => Some(*seconds),
        Written::Text(text) => seconds(text),
    };
    let parsed = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    parsed.map(Some).ok_or_else(|| D::Error::custom("expected seconds, or a text such as 1500ms, 10s, 2m"))
}

fn seconds(text: &str) -> Option<f64> {
    let unit = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let factor = match unit {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

/// What happens to one stanza on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StanzaFate {
    Pass,
    Lose,
    Corrupt,
    Duplicate,
    Reorder,
    Delay(Duration),
}

/// The faults that are armed.
#[derive(Default)]
pub(crate) struct FaultTable {
    armed: Vec<Armed>,
}

struct Armed {
    fault: Fault,
    /// How often it may still happen; without a limit until `until`.
    left: Option<u32>,
    /// Time since the Unix epoch after which it is over.
    until: Option<Duration>,
}

impl FaultTable {
    /// Arms a fault. `used` is how often it has already happened.
    pub fn arm(&mut self, fault: Fault, used: u32, now: Duration) {
        let until = fault.lasting.map(|lasting| now.saturating_add(lasting));
        let limit = fault.count.or_else(|| until.is_none().then_some(1));
        let left = limit.map(|limit| limit.saturating_sub(used));
        if left == Some(0) {
            return;
        }
        if self.armed.len() >= MOST_FAULTS {
            self.armed.remove(0);
        }
        self.armed.push(Armed { fault, left, until });
    }

    /// Disarms everything.
    pub fn clear(&mut self) {
        self.armed.clear();
    }

    /// How many faults are armed.
    pub fn len(&self) -> usize {
        self.armed.len()
    }

    /// Uses up one occurrence of the first armed fault that `wanted` accepts.
    fn take(&mut self, now: Duration, wanted: impl Fn(&Fault) -> bool) -> Option<&Fault> {
        if self.armed.is_empty() {
            return None;
        }
        self.armed.retain(|armed| armed.left != Some(0) && armed.until.is_none_or(|until| now < until));
        let armed = self.armed.iter_mut().find(|armed| wanted(&armed.fault))?;
        if let Some(left) = &mut armed.left {
            *left -= 1;
        }
        Some(&armed.fault)
    }

    /// What happens to a stanza of this class for this device.
    pub fn fate(&mut self, address: &Address, class: StanzaClass, now: Duration) -> StanzaFate {
        let wanted = |fault: &Fault| {
            fault.kind.is_stanza_fault()
                && fault.stanza.unwrap_or(StanzaClass::Message) == class
                && fault.target.hits(address)
        };
        let Some(fault) = self.take(now, wanted) else { return StanzaFate::Pass };
        match fault.kind {
            FaultKind::Corrupted => StanzaFate::Corrupt,
            FaultKind::Duplicated => StanzaFate::Duplicate,
            FaultKind::Reordered => StanzaFate::Reorder,
            FaultKind::Lost => StanzaFate::Lose,
            FaultKind::Delayed => StanzaFate::Delay(fault.delay()),
            _ => StanzaFate::Pass,
        }
    }

    /// Does a fault of this kind happen to this device now? For [`FaultKind::RejectedVersion`] of
    /// a device that is not registered yet, `address` is none.
    pub fn happens(&mut self, kind: FaultKind, address: Option<&Address>, now: Duration) -> bool {
        let hits = |target: &FaultTarget| match address {
            Some(address) => target.hits(address),
            None => *target == FaultTarget::All,
        };
        self.take(now, |fault| fault.kind == kind && hits(&fault.target)).is_some()
    }

    /// The connection fault that hits a device that has just logged in.
    pub fn at_login(&mut self, address: &Address, now: Duration) -> Option<Fault> {
        self.take(now, |fault| fault.kind.is_connection_fault() && fault.target.hits(address)).cloned()
    }

    /// The code with which a message, or another request, of this device is refused now. 463 is an
    /// answer to messages only.
    pub fn rate_limit(&mut self, address: &Address, message: bool, now: Duration) -> Option<u16> {
        let wanted = |fault: &Fault| {
            fault.kind == FaultKind::RateLimit
                && (message || fault.code != Some(463))
                && fault.target.hits(address)
        };
        self.take(now, wanted).map(|fault| fault.code.unwrap_or(429))
    }

    /// How far the clock is off for this device, in seconds. Looking does not use the fault up: it
    /// lasts for its duration, or until faults are cleared.
    pub fn clock_skew(&self, address: &Address, now: Duration) -> i64 {
        self.armed
            .iter()
            .filter(|armed| armed.fault.kind == FaultKind::ClockSkew && armed.fault.target.hits(address))
            .filter(|armed| armed.until.is_none_or(|until| now < until))
            .map(|armed| armed.fault.skew_seconds.unwrap_or(USUAL_SKEW))
            .fold(0, i64::saturating_add)
    }
}

/// Does this target mean this device?
pub(crate) fn hits(target: &FaultTarget, address: &Address) -> bool {
    target.hits(address)
}

/// Damages the ciphertexts of a message so that their receiver sees a bad MAC or signature.
pub(crate) fn corrupt(message: &mut Node) {
    let Content::Nodes(children) = &mut message.content else { return };
    for enc in children.iter_mut().filter(|child| child.tag == "enc") {
        let prekey_message = enc.get("type") == Some("pkmsg");
        let Content::Bytes(bytes) = &mut enc.content else { continue };
        // The last bytes of `msg` and `skmsg` are the MAC and the signature. A `pkmsg` ends with
        // the signed pre-key's id instead; the message proper is protobuf field 4 inside.
        let position = if prekey_message { inner_end(bytes) } else { bytes.len().checked_sub(1) };
        if let Some(byte) = position.and_then(|position| bytes.get_mut(position)) {
            *byte ^= 0x01;
        }
    }
}

/// The position of the last byte of protobuf field 4 in a pre-key message.
fn inner_end(bytes: &[u8]) -> Option<usize> {
    // One version byte, then protobuf fields.
    let mut position = 1;
    while position < bytes.len() {
        let key = varint(bytes, &mut position)?;
        match key & 7 {
            0 => {
                varint(bytes, &mut position)?;
            }
            2 => {
                let length = usize::try_from(varint(bytes, &mut position)?).ok()?;
                let end = position.checked_add(length)?;
                if key >> 3 == 4 {
                    return end.checked_sub(1).filter(|last| *last < bytes.len());
                }
                position = end;
            }
            _ => return None,
        }
    }
    None
}

fn varint(bytes: &[u8], position: &mut usize) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*position)?;
        *position += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests;
