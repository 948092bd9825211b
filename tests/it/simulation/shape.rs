//! What a job of a story is besides its schedule: what it does while earlier runs are open, what it
//! runs after, its parameter sets and its indices.

use std::collections::BTreeMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use spotcron::domain::Condition;

use super::story::one_of;

/// The variable in which the workload of a story finds its parameter set.
pub const SET_VARIABLE: &str = "SET";

/// Indices that workloads read from a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Array {
    pub count: u32,
    pub chunk: u32,
}

#[derive(Debug, Clone, Default)]
pub struct Shape {
    pub overlap: &'static str,
    /// Earlier jobs of the story, by index. Such a job has no times of its own.
    pub after: Vec<(usize, Condition)>,
    /// Values of `region` and of `size`; empty where the job has no sets.
    regions: &'static [&'static str],
    sizes: u32,
    pub array: Option<Array>,
    /// Its attempts exit with an error now and then.
    pub is_fickle: bool,
}

/// The work of one run of a scheduled time: what its set is called, and its indices.
pub type Portion = (String, Vec<u32>);

const POLICIES: [&str; 5] = ["skip", "buffer-one", "buffer-all", "cancel-other", "terminate-other"];

impl Shape {
    /// That of the job of this index.
    pub fn draw(chance: &mut ChaCha8Rng, index: usize) -> Self {
        let overlap = if chance.random_bool(0.4) { one_of(chance, &POLICIES) } else { "allow-all" };
        let mut after = Vec::new();
        if index > 0 && chance.random_bool(0.35) {
            let conditions = [Condition::Succeeded, Condition::Finished, Condition::Failed];
            after.push((chance.random_range(0..index), one_of(chance, &conditions)));
            let other = chance.random_range(0..index);
            if other != after[0].0 && chance.random_bool(0.2) {
                after.push((other, Condition::Finished));
            }
        }
        let has_sets = chance.random_bool(0.2);
        let array = chance.random_bool(0.2).then(|| {
            let count = chance.random_range(3..8);
            Array { count, chunk: one_of(chance, &[2, 4, 8]) }
        });
        Shape {
            overlap,
            after,
            regions: if has_sets { &["eu", "us"] } else { &[] },
            sizes: chance.random_range(1..=2),
            array,
            is_fickle: chance.random_bool(0.3),
        }
    }

    /// Whether no two of its scheduled times may be under way at once.
    pub fn runs_one_by_one(&self) -> bool {
        self.overlap != "allow-all"
    }

    /// What of it the catalogue says; `name` gives the names of jobs.
    pub fn toml(&self, name: impl Fn(usize) -> String) -> String {
        let mut text = format!("overlap = \"{}\"\n", self.overlap);
        if !self.after.is_empty() {
            let after = self.after.iter().map(|(job, when)| {
                format!("{{ job = \"{}\", when = \"{}\" }}", name(*job), when.label())
            });
            text += &format!("after = [{}]\n", after.collect::<Vec<_>>().join(", "));
        }
        if !self.regions.is_empty() {
            let sizes: Vec<String> = (1..=self.sizes).map(|size| size.to_string()).collect();
            text += &format!(
                "matrix = {{ region = {:?}, size = [{}] }}\nmatrix_exclude = [{{ region = \"us\", \
                 size = 2 }}]\nenvironment = {{ {SET_VARIABLE} = \"{{{{ set.region }}}} \
                 {{{{ set.size }}}}\" }}\n",
                self.regions,
                sizes.join(", ")
            );
            if self.sizes < 2 {
                // Nothing is left out then.
                text = text.replace("matrix_exclude = [{ region = \"us\", size = 2 }]\n", "");
            }
        }
        if let Some(Array { count, chunk }) = self.array {
            text += &format!("array_size = {count}\nindex_map = true\narray_chunk = {chunk}\n");
        }
        text
    }

    /// How many runs one scheduled time has.
    pub fn runs_each_time(&self) -> usize {
        let left_out = u32::from(self.sizes > 1);
        let sets = (self.regions.len() as u32 * self.sizes).saturating_sub(left_out).max(1);
        let chunks = self.array.map_or(1, |array| array.count.div_ceil(array.chunk));
        (sets * chunks) as usize
    }

    /// Every run that one scheduled time has.
    pub fn portions(&self) -> Vec<Portion> {
        let mut sets = Vec::new();
        for region in self.regions {
            let sizes = (1..=self.sizes).filter(|size| (*region, *size) != ("us", 2));
            sets.extend(sizes.map(|size| format!("{region} {size}")));
        }
        if sets.is_empty() {
            sets.push(String::new());
        }
        let chunks: Vec<Vec<u32>> = match self.array {
            Some(Array { count, chunk }) => {
                let all: Vec<u32> = (0..count).collect();
                all.chunks(chunk as usize).map(<[u32]>::to_vec).collect()
            }
            None => vec![Vec::new()],
        };
        let of_set = |set: String| chunks.iter().map(move |chunk| (set.clone(), chunk.clone()));
        sets.into_iter().flat_map(of_set).collect()
    }
}

/// The set as the workload is told of it, from its fields.
pub fn told(fields: &BTreeMap<String, String>) -> String {
    let field = |name| fields.get(name).cloned().unwrap_or_default();
    format!("{} {}", field("region"), field("size")).trim().to_owned()
}
