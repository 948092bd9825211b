//! Pages of an answer. A token names the last row that was given, not a position: rows that come or
//! go between two pages neither repeat nor hide others.

/// What rows are sorted by: a number, then a text; no two rows of an answer share both.
pub(super) type Key = (i64, String);

/// Sorts the rows and gives those after `after`, at most `limit`, with the token of the next page.
pub(super) fn page<T>(
    operation: &str,
    mut rows: Vec<(Key, T)>,
    after: Option<&Key>,
    limit: usize,
) -> (Vec<T>, Option<String>) {
    rows.sort_by(|(one, _), (other, _)| one.cmp(other));
    let first = after.map_or(0, |after| rows.partition_point(|(key, _)| key <= after));
    let more = rows.len() - first > limit;
    let last = rows.get(first + limit.saturating_sub(1)).filter(|_| more);
    let next = last.map(|(key, _)| write_token(operation, key));
    (rows.into_iter().skip(first).take(limit).map(|(_, row)| row).collect(), next)
}

/// Opaque to clients, as AWS's tokens are.
fn write_token(operation: &str, (number, text): &Key) -> String {
    let plain = format!("{operation}/{number}/{text}");
    plain.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// What `operation` gave as a token; `None` for anything else.
pub(super) fn read_token(operation: &str, token: &str) -> Option<Key> {
    let digits = token.as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
    let plain = String::from_utf8(bytes.filter(|_| digits.len().is_multiple_of(2))?).ok()?;
    let (number, text) = plain.strip_prefix(operation)?.strip_prefix('/')?.split_once('/')?;
    Some((number.parse().ok()?, text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(numbers: &[i64]) -> Vec<(Key, i64)> {
        numbers.iter().map(|n| ((*n, "é/".to_owned()), *n)).collect()
    }

    #[test]
    fn pages_follow_each_other_although_rows_come_and_go() {
        let (first, token) = page("List", rows(&[3, 1, 4, 2]), None, 2);
        assert_eq!(first, [1, 2]);
        let after = read_token("List", &token.unwrap()).unwrap();
        // The first row is gone, one came before the next page.
        let (second, token) = page("List", rows(&[0, 2, 3, 4]), Some(&after), 2);
        assert_eq!((second, token), (vec![3, 4], None));
        assert_eq!(page("List", rows(&[1]), Some(&after), 2), (vec![], None));
    }

    #[test]
    fn only_an_operation_s_own_tokens_are_read() {
        let (_, token) = page("List", rows(&[-7, 8]), None, 1);
        let token = token.unwrap();
        assert_eq!(read_token("List", &token), Some((-7, "é/".to_owned())));
        assert_eq!(read_token("Lists", &token), None);
        for broken in ["", "4", "4c6973742f", "zz", "é€", &token[1..], &token[..8]] {
            assert_eq!(read_token("List", broken), None, "{broken}");
        }
    }
}
