//! The stanza tree that WhatsApp Web exchanges once Noise is up.

use serde::{Deserialize, Serialize};

/// One stanza or part of a stanza: a tag, attributes in wire order, and content.
///
/// Attribute values are kept as text; a value that is a JID (`user[:device]@server`, or
/// `@s.whatsapp.net` for the server itself) is written with the wire's JID packing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Element name, for example `iq` or `message`.
    pub tag: String,
    /// Attributes in wire order. Keys are unique.
    pub attrs: Vec<(String, String)>,
    /// What the element holds.
    pub content: Content,
}

/// What a [`Node`] holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// Nothing.
    #[default]
    Empty,
    /// Raw bytes; text is its UTF-8 bytes.
    Bytes(#[serde(with = "crate::server::base64_bytes")] Vec<u8>),
    /// Child elements.
    Nodes(Vec<Node>),
}

impl Node {
    /// An element without attributes or content.
    #[must_use]
    pub fn new(tag: impl Into<String>) -> Self {
        Self { tag: tag.into(), ..Self::default() }
    }

    /// Sets one attribute, replacing an earlier value of the same key.
    #[must_use]
    pub fn attr(mut self, key: &str, value: impl Into<String>) -> Self {
        self.set_attr(key, value);
        self
    }

    /// Sets one attribute when there is a value.
    #[must_use]
    pub fn attr_opt(self, key: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.attr(key, value),
            None => self,
        }
    }

    /// Sets one attribute in place, replacing an earlier value of the same key.
    pub fn set_attr(&mut self, key: &str, value: impl Into<String>) {
        let value = value.into();
        match self.attrs.iter_mut().find(|(k, _)| k == key) {
            Some((_, old)) => *old = value,
            None => self.attrs.push((key.to_owned(), value)),
        }
    }

    /// Adds a child element. Bytes that were there before are replaced.
    #[must_use]
    pub fn child(mut self, child: Node) -> Self {
        match &mut self.content {
            Content::Nodes(children) => children.push(child),
            _ => self.content = Content::Nodes(vec![child]),
        }
        self
    }

    /// Adds child elements. Bytes that were there before are replaced.
    #[must_use]
    pub fn children(self, children: impl IntoIterator<Item = Node>) -> Self {
        children.into_iter().fold(self, Node::child)
    }

    /// Sets bytes as the content.
    #[must_use]
    pub fn bytes(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.content = Content::Bytes(bytes.into());
        self
    }

    /// The value of an attribute.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.attrs.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// The child elements, empty when there are none.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        match &self.content {
            Content::Nodes(nodes) => nodes,
            _ => &[],
        }
    }

    /// The first child with this tag.
    #[must_use]
    pub fn find(&self, tag: &str) -> Option<&Node> {
        self.nodes().iter().find(|node| node.tag == tag)
    }

    /// Every child with this tag.
    pub fn find_all<'a>(&'a self, tag: &'a str) -> impl Iterator<Item = &'a Node> + 'a {
        self.nodes().iter().filter(move |node| node.tag == tag)
    }

    /// The bytes of this element, if it holds bytes.
    #[must_use]
    pub fn data(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The bytes of the first child with this tag.
    #[must_use]
    pub fn child_data(&self, tag: &str) -> Option<&[u8]> {
        self.find(tag).and_then(Node::data)
    }
}
