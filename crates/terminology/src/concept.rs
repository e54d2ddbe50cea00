//! A concept with its names, place in the hierarchy and codes.

use std::sync::Arc;
use tsumugi_clinical::{Code, ConceptId, Sex};
use tsumugi_tables::TermKind;

/// FHIR URIs of the code systems this vocabulary maps to.
pub mod system {
    /// Our own concepts.
    pub const TSUMUGI: &str = "https://tsumugi.example/CodeSystem/concept";
    /// ICD-10, 2013 edition for Japan.
    pub const ICD10: &str = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/ICD10-2013-full";
    /// Human Phenotype Ontology.
    pub const HPO: &str = "http://human-phenotype-ontology.org";
    /// LOINC.
    pub const LOINC: &str = "http://loinc.org";
    /// JLAC10, analyte part (five characters).
    pub const JLAC10: &str = "http://medis.or.jp/CodeSystem/master-JLAC10-17digits";
    /// Anatomical Therapeutic Chemical classification.
    pub const ATC: &str = "http://www.whocc.no/atc";
    /// JLAC11, 17 characters.
    pub const JLAC11: &str = "http://medis.or.jp/CodeSystem/master-JLAC11-17digits";
    /// MEDIS number of a disease name, eight digits.
    pub const MEDIS_DISEASE: &str = "http://medis.or.jp/CodeSystem/master-disease-keyNumber";
    /// MEDIS exchange code of a disease name, four characters.
    pub const MEDIS_EXCHANGE: &str = "http://medis.or.jp/CodeSystem/master-disease-exCode";
    /// MEDIS number of a modifier, eight digits.
    pub const MEDIS_MODIFIER: &str = "http://medis.or.jp/CodeSystem/master-disease-modKeyNumber";
    /// MEDIS exchange code of a modifier.
    pub const MEDIS_MODIFIER_EXCHANGE: &str = "http://medis.or.jp/CodeSystem/master-disease-modExCode";
    /// Disease name in claims, seven digits.
    pub const CLAIM_DISEASE: &str = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/masterB-disease";
    /// Modifier in claims, four digits.
    pub const CLAIM_MODIFIER: &str = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/masterZ-disease-modifier";
    /// Medical act in claims, nine digits.
    pub const CLAIM_ACT: &str = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/masterS-medicalProcedure";
    /// Drug in claims, nine digits. No address of it is published that we know; formed as the others of its owner.
    pub const CLAIM_DRUG: &str = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/masterY-medicine";
    /// Comment in claims, nine digits. No address of it is published that we know; formed as the others of its owner.
    pub const CLAIM_COMMENT: &str = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/masterC-comment";
    /// Code of the price list of drugs, twelve characters. No address of it is published that we know.
    pub const PRICE_LIST: &str = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/drugPriceList";
    /// YJ code of a product, twelve characters.
    pub const YJ: &str = "http://capstandard.jp/iyaku.info/CodeSystem/YJ-code";
    /// HOT code of a package, thirteen digits.
    pub const HOT13: &str = "http://medis.or.jp/CodeSystem/master-HOT13";
    /// HOT code of a product, nine digits.
    pub const HOT9: &str = "http://medis.or.jp/CodeSystem/master-HOT9";
    /// HOT code of a drug, seven digits.
    pub const HOT7: &str = "http://medis.or.jp/CodeSystem/master-HOT7";
    /// SNOMED CT.
    pub const SNOMED: &str = "http://snomed.info/sct";

    /// The short name of a system; the address itself where it is none of these.
    pub fn label(address: &str) -> &str {
        match address {
            TSUMUGI => "Tsumugi",
            ICD10 => "ICD-10",
            HPO => "HPO",
            LOINC => "LOINC",
            JLAC10 => "JLAC10",
            ATC => "ATC",
            JLAC11 => "JLAC11",
            MEDIS_DISEASE => "MEDIS",
            MEDIS_EXCHANGE => "MEDIS-exchange",
            MEDIS_MODIFIER => "MEDIS-modifier",
            MEDIS_MODIFIER_EXCHANGE => "MEDIS-modifier-exchange",
            CLAIM_DISEASE => "claim-disease",
            CLAIM_MODIFIER => "claim-modifier",
            CLAIM_ACT => "claim-act",
            CLAIM_DRUG => "claim-drug",
            CLAIM_COMMENT => "claim-comment",
            PRICE_LIST => "price-list",
            YJ => "YJ",
            HOT13 => "HOT13",
            HOT9 => "HOT9",
            HOT7 => "HOT7",
            other => other,
        }
    }
}

/// The word for a kind in output for machines, and the key of its text on the screens.
pub fn kind_word(kind: TermKind) -> &'static str {
    match kind {
        TermKind::Disease => "disease",
        TermKind::Finding => "finding",
        TermKind::Normal => "normal",
        TermKind::Drug => "drug",
        TermKind::DrugClass => "drug-class",
        TermKind::Test => "test",
        TermKind::Exam => "exam",
        TermKind::Procedure => "procedure",
        TermKind::Site => "site",
        TermKind::Allergen => "allergen",
        TermKind::Circumstance => "circumstance",
    }
}

/// The usual adult reference interval of a test, in its unit.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ReferenceInterval {
    /// Lower limit for men, or for all.
    pub low: Option<f64>,
    /// Upper limit for men, or for all.
    pub high: Option<f64>,
    /// Lower limit for women where it differs.
    pub low_women: Option<f64>,
    /// Upper limit for women where it differs.
    pub high_women: Option<f64>,
}

impl ReferenceInterval {
    /// The limits for a sex; where it is unknown and matters, the wider interval.
    pub fn limits(&self, sex: Option<Sex>) -> (Option<f64>, Option<f64>) {
        let women = (self.low_women.or(self.low), self.high_women.or(self.high));
        match sex {
            Some(Sex::Female) => women,
            Some(Sex::Male) => (self.low, self.high),
            _ => (least(self.low, women.0), greatest(self.high, women.1)),
        }
    }
}

fn least(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.zip(b).map(|(a, b)| a.min(b)).or(a).or(b)
}

fn greatest(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.zip(b).map(|(a, b)| a.max(b)).or(a).or(b)
}

/// A concept of the vocabulary.
#[derive(Debug, Clone)]
pub struct Concept {
    /// Stable id.
    pub id: ConceptId,
    /// Kind.
    pub kind: TermKind,
    /// Preferred Japanese name.
    pub name: Arc<str>,
    /// Reading of the preferred name, hiragana.
    pub kana: Box<str>,
    /// English name.
    pub english: Arc<str>,
    /// All other names with their readings.
    pub synonyms: Vec<(Box<str>, Box<str>)>,
    /// Broader concepts (for sites: what it is part of).
    pub parents: Vec<u32>,
    /// Site that the concept includes.
    pub site: Option<u32>,
    /// Codes in other systems, ours first.
    pub codes: Arc<[Code]>,
    /// Flags of its row.
    pub flags: Vec<Box<str>>,
    /// UCUM unit of a test's usual values.
    pub unit: Option<Arc<str>>,
    /// Reference interval of a test.
    pub interval: ReferenceInterval,
    /// Routes of a drug.
    pub routes: Vec<Box<str>>,
}

impl Concept {
    /// Whether a name is its preferred name or one of the others.
    pub fn is_called(&self, name: &str) -> bool {
        self.name.as_ref() == name || self.synonyms.iter().any(|(synonym, _)| synonym.as_ref() == name)
    }

    /// Whether its row has a flag.
    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|own| own.as_ref() == flag)
    }
}
