//! What requests about groups are made of.

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use wakeeper_engine::{GroupOrder, GroupQuery};
use wakeeper_model::{ChatId, ChatKind};

use crate::api::error::ApiError;
use crate::api::state::field;

/// Most participants in one request: WhatsApp's groups have no more members.
const MOST_PARTICIPANTS: usize = 1_024;

/// A person (WAHA's `Participant`).
#[derive(Deserialize, ToSchema)]
#[schema(as = Participant)]
pub(super) struct ParticipantField {
    /// By phone number or LID.
    #[schema(example = "628111222333@c.us")]
    id: String,
}

/// People in a group (WAHA's `ParticipantsRequest`).
#[derive(Deserialize, ToSchema)]
pub(super) struct ParticipantsRequest {
    /// Who.
    participants: Vec<ParticipantField>,
}

impl ParticipantsRequest {
    /// Who, at least one.
    pub(super) fn check(&self) -> Result<Vec<ChatId>, ApiError> {
        if self.participants.is_empty() {
            return Err(ApiError::invalid("participants: at least one"));
        }
        participants(&self.participants)
    }
}

/// People by their ids.
pub(super) fn participants(given: &[ParticipantField]) -> Result<Vec<ChatId>, ApiError> {
    if given.len() > MOST_PARTICIPANTS {
        return Err(ApiError::invalid(format!("participants: at most {MOST_PARTICIPANTS}")));
    }
    let person = |(at, participant): (usize, &ParticipantField)| {
        let name = format!("participants[{at}].id");
        let id: ChatId = field(&name, &participant.id)?;
        match id.kind() {
            ChatKind::Phone | ChatKind::Lid => Ok(id),
            _ => Err(ApiError::invalid(format!("{name}: a phone number or LID"))),
        }
    };
    given.iter().enumerate().map(person).collect()
}

/// The group that a path names, with or without `@g.us`.
pub(super) fn group_id(text: &str) -> Result<ChatId, ApiError> {
    let id: ChatId =
        if text.contains('@') { field("id", text)? } else { field("id", &format!("{text}@g.us"))? };
    if id.is_group() {
        Ok(id)
    } else {
        Err(ApiError::invalid("id: a group's id, such as 120363012345678901@g.us"))
    }
}

/// By what groups are listed in order.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum SortBy {
    Id,
    Subject,
}

/// In which direction.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum SortOrder {
    Desc,
    Asc,
}

/// What can be left out of each group.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Exclude {
    Participants,
}

/// Which groups are listed.
#[derive(Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", default)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParameters {
    /// In which order; by id without it.
    #[param(inline)]
    sort_by: Option<SortBy>,
    /// In which direction; ascending without it.
    #[param(inline)]
    sort_order: Option<SortOrder>,
    /// How many to answer at most; all without it.
    limit: Option<u32>,
    /// Skip so many.
    offset: Option<u32>,
    /// What to leave out of each; may be given more than once.
    #[param(inline)]
    exclude: Vec<Exclude>,
}

impl From<ListParameters> for GroupQuery {
    fn from(given: ListParameters) -> Self {
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        Self {
            order: match given.sort_by {
                Some(SortBy::Subject) => GroupOrder::Subject,
                Some(SortBy::Id) | None => GroupOrder::Id,
            },
            descending: given.sort_order == Some(SortOrder::Desc),
            limit: given.limit.map(size),
            offset: given.offset.map_or(0, size),
            without_participants: given.exclude.contains(&Exclude::Participants),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{pairs, strict};
    use super::*;

    fn query(text: &str) -> Result<GroupQuery, String> {
        let pairs = pairs::of_query(text, "").expect("few pairs");
        strict::from_pairs::<ListParameters>(pairs).map(Into::into).map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn empty_parameters_count_as_absent_and_wrong_ones_are_named() {
        let names = ["sortBy", "sortOrder", "limit", "offset", "exclude"];
        assert_eq!(query(&names.map(|name| format!("{name}=")).join("&")).unwrap(), GroupQuery::default());
        for name in names {
            let refused = query(&format!("{name}=-private")).unwrap_err();
            assert!(refused.contains(name) && !refused.contains("private"), "{refused}");
        }
    }

    #[test]
    fn every_parameter_counts() {
        let all = query("sortBy=subject&sortOrder=desc&limit=2&offset=1&exclude=&exclude=participants");
        let wanted = GroupQuery {
            order: GroupOrder::Subject,
            descending: true,
            limit: Some(2),
            offset: 1,
            without_participants: true,
        };
        assert_eq!(all.unwrap(), wanted);
        assert!(query("exclude[]=participants").unwrap().without_participants);
    }

    #[test]
    fn groups_are_named_with_and_without_their_server() {
        for text in ["120363012345678901", "120363012345678901@g.us"] {
            assert_eq!(group_id(text).unwrap().as_str(), "120363012345678901@g.us");
        }
        for text in ["628111222333@c.us", "", "@g.us", "us", "status@broadcast"] {
            assert!(group_id(text).is_err(), "{text}");
        }
    }
}
