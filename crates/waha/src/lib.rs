//! WAHA's requests, answers and events as types: how they are written, what of them is never shown. No I/O.

mod channel;
mod config;
mod contact;
mod event;
mod group;
mod kept_secrets;
mod limits;
mod message;
mod or_empty;
mod payload;
mod poll;
mod presence;
mod secret;
mod session;
mod webhook;

pub use channel::{
    Channel, ChannelCategory, ChannelCountry, ChannelListResult, ChannelMessage, ChannelPagination,
    ChannelPublicInfo, ChannelRole, ChannelView,
};
pub use config::{
    ClientConfig, CustomHeader, HmacConfig, IgnoreConfig, ProxyConfig, RetriesConfig, RetryPolicy,
    SessionConfig, WebhookConfig,
};
pub use contact::{About, Count, LidToPhoneNumber, NumberExists, ProfilePicture};
pub use event::{EventName, EventNameError};
pub use group::{
    ChatPictureResponse, CountResponse, Group, GroupAddressing, GroupAdmin, GroupChange, GroupInvitation,
    GroupJoin, GroupJoinRequest, GroupJoinRequestAction, GroupJoinRequestChange, GroupJoinRequestResult,
    GroupLeave, GroupList, GroupMember, GroupPart, GroupParticipant, GroupParticipantsChange,
    GroupParticipantsChangeKind, GroupRole, GroupUpdated, JoinGroupResponse, ParticipantResult,
    SettingsMemberAddMode, SettingsMemberShareHistoryMode, SettingsMembershipApproval,
    SettingsSecurityChangeInfo, Succeeded,
};
pub use kept_secrets::NoStoredSecret;
pub use limits::{MessageCapping, ReachoutTimelock};
pub use message::{Location, Media, Message, MessageData, MessageKey, ReplyTo, Source};
pub use payload::{
    AckData, MessageAck, MessageEdited, MessageReaction, MessageRevoked, Payload, Reaction, ReactionData,
    RevokedData, RevokedMessage, SessionStatusBody,
};
pub use poll::{MessageDestination, PollVote, PollVotePayload, VoteData};
pub use presence::{ChatPresences, Presence, PresenceData};
pub use secret::{PLACEHOLDER, Secret};
pub use session::{App, Engine, Me, OwnPresence, SessionInfo, SessionStatus, StatusChange, Timestamps};
pub use webhook::{Environment, WebhookBody, Worker};
