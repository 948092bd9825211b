//! GetProducts' filters; all of them must hold. A product without the field passes none but
//! NONE_OF. Source: botocore, pricing-2017-10-15, `Filter`.

use serde_json::Value;

use super::document::Product;
use super::{Fault, invalid};

const MOST: usize = 50;
const MOST_LETTERS: usize = 1024;

enum Test {
    /// TERM_MATCH and its newer name EQUALS.
    Is,
    Contains,
    /// Of values with commas between them.
    AnyOf,
    NoneOf,
}

pub(super) struct Filter<'a> {
    test: Test,
    field: &'a str,
    value: &'a str,
}

impl<'a> Filter<'a> {
    pub(super) fn all(listed: Option<&'a Value>) -> Result<Vec<Self>, Fault> {
        let Some(listed) = listed.filter(|listed| !listed.is_null()) else { return Ok(Vec::new()) };
        let listed = listed.as_array().ok_or_else(|| invalid("Filters must be a list"))?;
        if listed.len() > MOST {
            return Err(invalid(format!("there can be at most {MOST} filters")));
        }
        listed.iter().map(Filter::read).collect()
    }

    fn read(filter: &'a Value) -> Result<Self, Fault> {
        let text = |name: &str| {
            let text = filter.get(name).and_then(Value::as_str);
            let sized = text.filter(|text| (1..=MOST_LETTERS).contains(&text.chars().count()));
            sized.ok_or_else(|| invalid(format!("a filter's {name} is missing, empty or too long")))
        };
        let test = match text("Type")? {
            "TERM_MATCH" | "EQUALS" => Test::Is,
            "CONTAINS" => Test::Contains,
            "ANY_OF" => Test::AnyOf,
            "NONE_OF" => Test::NoneOf,
            other => return Err(invalid(format!("the filter type {other} does not exist"))),
        };
        Ok(Filter { test, field: text("Field")?, value: text("Value")? })
    }

    /// The only value that `field` may have, if there is a filter that says so.
    pub(super) fn exactly(filters: &[Self], field: &str) -> Option<&'a str> {
        let exact = |filter: &&Self| matches!(filter.test, Test::Is) && filter.field == field;
        filters.iter().find(exact).map(|filter| filter.value)
    }

    pub(super) fn admits(&self, product: &Product) -> bool {
        let own = product.field(self.field);
        let listed = || self.value.split(',').any(|value| own == Some(value.trim()));
        match self.test {
            Test::Is => own == Some(self.value),
            Test::Contains => own.is_some_and(|own| own.contains(self.value)),
            Test::AnyOf => listed(),
            Test::NoneOf => !listed(),
        }
    }
}
