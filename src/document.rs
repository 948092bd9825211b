//! TOML documents whose values know where they were written. One [`toml_table!`] gives a table's
//! struct, its reader (which reports every problem and goes on), its JSON schema and its reference,
//! so that the four cannot disagree.

mod file;
mod moments;
mod one_or_many;
mod parse;
mod reader;
mod reference;
mod scalar;
mod suggest;
mod table;
mod values;

pub use file::{MAX_FILE_BYTES, read_file};
pub(crate) use file::{unread, unreadable};
pub use moments::{Day, HoursText};
pub use one_or_many::OneOrMany;
pub use parse::{Parsed, parse};
pub use reader::{FromToml, Located, Reader};
pub use reference::{reference_head, reference_markdown, schema_text};
pub use scalar::{Bounded, Whole};
pub use suggest::{did_you_mean, shown};
pub(crate) use table::table_schema;
pub(crate) use table::toml_table;
pub use table::{KeyInfo, TomlTable};
pub use values::{Amount, DurationText, Entries, Percent, Price, SecretText, Vcpus, is_region};
