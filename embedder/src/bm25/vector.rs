//! Vectors of documents and queries.

use std::collections::BTreeMap;
use std::io::Cursor;

use super::Language;
use super::tokens::stems;

/// Sparse vector: indexes in ascending order, and a value for each of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SparseVector {
    /// Hashes of the stems.
    pub indices: Vec<u32>,
    /// Weights of the stems.
    pub values: Vec<f32>,
}

/// Parameters of BM25.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameters {
    /// Saturation: how little a further occurrence of a word adds.
    pub k: f64,
    /// Weight of the length of a document, from 0 to 1.
    pub b: f64,
    /// Average number of stems of all documents.
    pub average_length: f64,
}

impl Default for Parameters {
    /// Returns the parameters of `Qdrant/bm25`.
    fn default() -> Self {
        Self { k: 1.2, b: 0.75, average_length: 256.0 }
    }
}

/// Returns the vector of a text that is stored.
#[must_use]
pub fn document(text: &str, language: Language, parameters: Parameters) -> SparseVector {
    let stems = stems(text, language);
    let Parameters { k, b, average_length } = parameters;
    let length = stems.iter().fold(0.0, |length, _| length + 1.0);
    let mut counts: BTreeMap<u32, f64> = BTreeMap::new();
    for stem in &stems {
        *counts.entry(index(stem)).or_default() += 1.0;
    }
    let relative_length = length / average_length.max(1.0);
    let weight = |count: f64| count * (k + 1.0) / (count + k * (1.0 - b + b * relative_length));
    counts.into_iter().map(|(index, count)| (index, weight(count))).collect()
}

/// Returns the vector of a text that is searched for. Each of its stems has the weight 1.
#[must_use]
pub fn query(text: &str, language: Language) -> SparseVector {
    let indices: BTreeMap<u32, f64> = stems(text, language).iter().map(|stem| (index(stem), 1.0)).collect();
    indices.into_iter().collect()
}

impl FromIterator<(u32, f64)> for SparseVector {
    fn from_iter<T: IntoIterator<Item = (u32, f64)>>(entries: T) -> Self {
        let mut vector = Self::default();
        for (index, value) in entries {
            vector.indices.push(index);
            vector.values.push(single_precision(value));
        }
        vector
    }
}

/// Returns the hash of a stem: the absolute value of Murmur3 (32 bits) as a signed number.
fn index(stem: &str) -> u32 {
    murmur3::murmur3_32(&mut Cursor::new(stem), 0).cast_signed().unsigned_abs()
}

#[allow(clippy::as_conversions, reason = "no other conversion rounds to the precision of Qdrant")]
fn single_precision(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors are those that the steps of FastEmbed 0.9 compute in Python, with `mmh3`, `py_rust_stemmers` and the stop words of NLTK.
    #[test]
    fn vectors_are_those_of_fastembed() {
        let english = "The invoices are invoiced to the running customers' orders: INV_2024-0815!";
        let vector = document(english, Language::English, Parameters::default());
        let (once, twice) = (1.660_867, 1.892_791_1);
        let expected = [
            (243_905_464, once),
            (481_716_713, twice),
            (856_473_162, once),
            (1_075_114_912, once),
            (1_526_557_164, once),
            (1_859_431_997, once),
        ];
        assert_eq!(vector, expected.into_iter().collect());

        let german = "Die Rechnungen für Größen und Bestellungen der Kunden, Straße 5";
        let vector = document(german, Language::German, Parameters::default());
        let indices = [229_098_344, 631_207_143, 1_280_349_177, 1_394_226_660, 1_611_696_616, 1_962_405_504];
        assert_eq!(vector, indices.map(|index| (index, 1.665_286_8)).into_iter().collect());
    }

    /// A query has each stem once, so that repeated words do not count twice.
    #[test]
    fn a_query_has_each_stem_once() {
        let vector = query("invoices, invoice INVOICED", Language::English);
        assert_eq!(vector, [(481_716_713, 1.0)].into_iter().collect());
        assert_eq!(query("the of and", Language::English), SparseVector::default());
    }

    /// A word occurs in the vectors of documents and queries under the same index, in every language.
    #[test]
    fn documents_and_queries_meet_in_every_language() {
        for language in <Language as strum::VariantArray>::VARIANTS {
            let text = "SKU-4711 Lieferschein τιμολόγιο счёт";
            let document = document(text, *language, Parameters::default());
            assert_eq!(document.indices, query(text, *language).indices, "{language}");
            assert!(document.indices.len() >= 4, "{language}");
        }
    }

    /// Text without words, and words that are encoded data, have no entries.
    #[test]
    fn data_is_ignored() {
        let data = "x".repeat(41);
        let vector = document(&format!("--- {data} !"), Language::English, Parameters::default());
        assert_eq!(vector, SparseVector::default());
    }
}
