//! The little XML that EC2 and STS answer with.

use std::fmt::Write;

use quick_xml::escape::escape;

/// An element with text or with children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element {
    name: String,
    attributes: Vec<(&'static str, String)>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    pub(super) fn new(name: &str) -> Self {
        Element {
            name: name.to_owned(),
            attributes: Vec::new(),
            text: String::new(),
            children: Vec::new(),
        }
    }

    /// `<name>text</name>`.
    pub(super) fn text(name: &str, text: impl ToString) -> Self {
        Element { text: text.to_string(), ..Element::new(name) }
    }

    /// `<name><item>…</item>…</name>`, as EC2 writes lists.
    pub(super) fn set(name: &str, items: impl IntoIterator<Item = Vec<Element>>) -> Self {
        let items = items.into_iter().map(|content| Element::new("item").children(content));
        Element::new(name).children(items)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether its children are the items of a list.
    pub(super) fn is_list(&self) -> bool {
        self.children.first().is_some_and(|first| first.name == "item")
    }

    pub(super) fn children_mut(&mut self) -> &mut Vec<Element> {
        &mut self.children
    }

    pub(super) fn attribute(mut self, name: &'static str, value: &str) -> Self {
        self.attributes.push((name, value.to_owned()));
        self
    }

    pub(super) fn child(mut self, child: Element) -> Self {
        self.children.push(child);
        self
    }

    pub(super) fn children(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.children.extend(children);
        self
    }

    /// The whole document with this element as its root.
    pub(super) fn document(&self) -> String {
        let mut document = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
        self.write(&mut document);
        document
    }

    fn write(&self, out: &mut String) {
        // Writing to a String cannot fail.
        let _ = write!(out, "<{}", self.name);
        for (name, value) in &self.attributes {
            let _ = write!(out, " {name}=\"{}\"", escape(value));
        }
        let _ = write!(out, ">{}", escape(&self.text));
        self.children.iter().for_each(|child| child.write(out));
        let _ = write!(out, "</{}>", self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_lists_have_items() {
        let list = Element::set("set", [vec![Element::text("a", "<&>")], vec![]]);
        let document = list.document();
        let (_, body) = document.split_once('\n').unwrap();
        assert_eq!(body, "<set><item><a>&lt;&amp;&gt;</a></item><item></item></set>");
    }
}
