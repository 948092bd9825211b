//! The Cost and Usage Report as Parquet. Its costs are doubles there: each is read as the shortest
//! decimal that means it, which is what AWS writes into the text of the same report.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use jiff::Timestamp;
use parquet::errors::Result as ParquetResult;
use parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};
use parquet::record::{Field, Row as ParquetRow};
use parquet::schema::types::Type;

use super::cur::{self, COLUMNS, Row};
use super::{FileKind, Intake};

impl Intake {
    /// Reads one Parquet file. A row stands where text has its line.
    pub fn parquet<R: ChunkReader + 'static>(&mut self, name: &str, input: R) {
        self.open(name);
        let mut at = 0;
        // What a damaged file makes of the library's own checks must not end the program.
        let read = catch_unwind(AssertUnwindSafe(|| self.rows(input, &mut at)));
        let what = match read {
            Ok(Ok(())) => return,
            Ok(Err(what)) => what,
            Err(_) => "is damaged: fetch the file again, whole".to_owned(),
        };
        self.wrong(Some(at).filter(|at| *at > 0), "", what);
    }

    fn rows<R: ChunkReader + 'static>(&mut self, input: R, at: &mut u64) -> Result<(), String> {
        let told = |error: parquet::errors::ParquetError| {
            format!("is not a whole Parquet file, or packed otherwise than with Snappy: {error}")
        };
        let reader = SerializedFileReader::new(input).map_err(told)?;
        let groups = reader.metadata().row_groups();
        let size =
            groups.iter().fold(0i64, |sum, group| sum.saturating_add(group.total_byte_size()));
        if u64::try_from(size).is_ok_and(|size| size > self.limits.unpacked_bytes) {
            return Err(format!("holds more than {} bytes", self.limits.unpacked_bytes));
        }
        let schema = reader.metadata().file_metadata().schema();
        let fields: Vec<Arc<Type>> = schema
            .get_fields()
            .iter()
            .filter(|field| COLUMNS.contains(&field.name()) && field.is_primitive())
            .cloned()
            .collect();
        let place = |name: &str| fields.iter().position(|field| field.name() == name);
        cur::check_needed(&COLUMNS.map(place))?;
        let projection = Type::group_type_builder(schema.name()).with_fields(fields).build();
        self.is(FileKind::CostAndUsageReport);
        for row in reader.get_row_iter(Some(projection.map_err(told)?)).map_err(told)? {
            *at += 1;
            if !self.row(*at, row)? {
                return Ok(());
            }
        }
        *at = 0;
        Ok(())
    }

    fn row(&mut self, at: u64, row: ParquetResult<ParquetRow>) -> Result<bool, String> {
        let row = row.map_err(|error| format!("cannot be read: {error}"))?;
        let mut values: Row<'_> = COLUMNS.map(|_| Cow::Borrowed(""));
        for (name, field) in row.get_column_iter() {
            let Some(place) = COLUMNS.iter().position(|column| column == name) else { continue };
            match text(field) {
                Some(text) => values[place] = text,
                None => {
                    let what = format!("is {field}, which is no text, number or time");
                    return Ok(self.line(at, Err((COLUMNS[place], what))));
                }
            }
        }
        let read = cur::line(&values);
        Ok(self.line(at, read))
    }
}

fn text(field: &Field) -> Option<Cow<'_, str>> {
    let time = |at: Result<Timestamp, jiff::Error>| at.ok().map(|at| Cow::Owned(at.to_string()));
    match field {
        Field::Null => Some(Cow::Borrowed("")),
        Field::Str(text) => Some(Cow::Borrowed(text)),
        Field::Double(number) => Some(Cow::Owned(number.to_string())),
        Field::Float(number) => Some(Cow::Owned(number.to_string())),
        Field::Int(number) => Some(Cow::Owned(number.to_string())),
        Field::Long(number) => Some(Cow::Owned(number.to_string())),
        Field::TimestampMillis(at) => time(Timestamp::from_millisecond(*at)),
        Field::TimestampMicros(at) => time(Timestamp::from_microsecond(*at)),
        _ => None,
    }
}
