//! What one types, and the concept that comes first, as cases of a table.
#![expect(clippy::non_ascii_literal, reason = "what is typed is Japanese")]

use std::sync::LazyLock;
use tsumugi_terminology::{Matched, MatchedBy, Vocabulary, embedded_files, sources_of};

#[expect(clippy::expect_used, reason = "without a vocabulary there is nothing to test")]
static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| {
    Vocabulary::new(&sources_of(&embedded_files())).expect("the tables of data/ make a vocabulary")
});

/// A few concepts of our own, so that a case says something about the search and not about the tables.
#[expect(clippy::expect_used, reason = "without a vocabulary there is nothing to test")]
fn small() -> Vocabulary {
    let files = embedded_files();
    let mut sources: Vec<_> = sources_of(&files)
        .into_iter()
        .filter(|source| source.path == "lexicon/romaji.tsv")
        .collect();
    sources.push(tsumugi_tables::Source {
        path: "terminology/findings/small.tsv",
        text: "id\tname\tkana\ten\tsynonyms\tparents\ticd10\thpo\tsite\tflags\n\
               fever\t発熱\tはつねつ\tfever\t熱発=ねっぱつ|BT上昇=びーてぃーじょうしょう\t\tR50.9\tHP:0001945\t\tsymptom\n\
               high-fever\t高熱\tこうねつ\thigh fever\t\tfever\tR50.9\t\t\tsymptom\n\
               hematuria\t血尿\tけつにょう\thematuria\t\t\tR31\t\t\tsign\n\
               hypertension\t高血圧症\tこうけつあつしょう\thypertension\t高血圧=こうけつあつ|HT\t\tI10\t\t\tsign\n\
               worry\t心配\tしんぱい\tworry\t\t\t\t\t\tsymptom\n\
               confinement\t禁煙\tきんえん\tsmoking cessation\t\t\t\t\t\tstate\n\
               asthma\t喘息\tぜんそく\tasthma\t\t\tJ45.9\t\t\tsymptom\n\
               drug-fever\t薬剤熱\tやくざいねつ\tdrug fever\t\tfever\tR50.2\t\t\tsymptom\n\
               pneumonia\t誤嚥性肺炎\tごえんせいはいえん\taspiration pneumonia\t\t\tJ69.0\t\t\tsign\n\
               edema\tむくみ\t\tedema\tフェノバール様むくみ=ふぇのばーるようむくみ\t\t\t\t\tsign\n",
    });
    Vocabulary::new(&sources).expect("the small tables make a vocabulary")
}

#[test]
fn what_is_typed_finds_its_concept() {
    use Matched::{Alike, Beginning, Exact, Inside, Near};
    use MatchedBy::{Code, English, Name, Reading, Romaji};
    let vocabulary = small();
    for (typed, want, name, by, how, slips) in [
        ("発熱", "fever", "発熱", Name, Exact, 0),
        ("  発熱　", "fever", "発熱", Name, Exact, 0),
        ("熱発", "fever", "熱発", Name, Exact, 0),
        ("発", "fever", "発熱", Name, Beginning, 0),
        ("bt", "fever", "BT上昇", Name, Beginning, 0),
        ("ＢＴ上", "fever", "BT上昇", Name, Beginning, 0),
        ("はつねつ", "fever", "発熱", Reading, Exact, 0),
        ("ハツネツ", "fever", "発熱", Reading, Exact, 0),
        ("ﾊﾂﾈﾂ", "fever", "発熱", Reading, Exact, 0),
        ("はつ", "fever", "発熱", Reading, Beginning, 0),
        ("ムクミ", "edema", "むくみ", Name, Exact, 0),
        ("hatsunetsu", "fever", "発熱", Romaji, Exact, 0),
        ("hatunetu", "fever", "発熱", Romaji, Exact, 0),
        ("HATSUNETSU", "fever", "発熱", Romaji, Exact, 0),
        ("hats", "fever", "発熱", Romaji, Beginning, 0),
        ("はつねt", "fever", "発熱", Romaji, Beginning, 0),
        ("neppatsu", "fever", "熱発", Romaji, Exact, 0),
        ("koketsuatsu", "hypertension", "高血圧", Romaji, Exact, 0),
        ("kouketuatu", "hypertension", "高血圧", Romaji, Exact, 0),
        ("kōketsuatsu", "hypertension", "高血圧", Romaji, Exact, 0),
        ("kouketsuatsushō", "hypertension", "高血圧症", Romaji, Exact, 0),
        ("ketsunyo", "hematuria", "血尿", Romaji, Exact, 0),
        ("ketsuny", "hematuria", "血尿", Romaji, Beginning, 0),
        ("shimpai", "worry", "心配", Romaji, Exact, 0),
        ("shinpai", "worry", "心配", Romaji, Exact, 0),
        ("sinnpai", "worry", "心配", Romaji, Exact, 0),
        ("sh", "worry", "心配", Romaji, Beginning, 0),
        ("kin'en", "confinement", "禁煙", Romaji, Exact, 0),
        ("kinnenn", "confinement", "禁煙", Romaji, Exact, 0),
        ("zensoku", "asthma", "喘息", Romaji, Exact, 0),
        ("fenobaru", "edema", "フェノバール様むくみ", Romaji, Beginning, 0),
        ("こけつあつ", "hypertension", "高血圧", Reading, Near, 1),
        ("fever", "fever", "fever", English, Exact, 0),
        ("feverr", "fever", "fever", English, Near, 1),
        ("drug f", "drug-fever", "drug fever", English, Beginning, 0),
        ("pneumon", "pneumonia", "aspiration pneumonia", English, Inside, 0),
        ("肺炎", "pneumonia", "誤嚥性肺炎", Name, Inside, 0),
        ("はいえん", "pneumonia", "誤嚥性肺炎", Reading, Inside, 0),
        ("誤飲性肺炎", "pneumonia", "誤嚥性肺炎", Name, Near, 1),
        ("ごえせいはいえん", "pneumonia", "誤嚥性肺炎", Reading, Near, 1),
        ("pnuemonia", "pneumonia", "aspiration pneumonia", English, Near, 1),
        ("hypretensoin", "hypertension", "hypertension", English, Near, 2),
        ("hatsunetus", "fever", "発熱", Romaji, Near, 1),
        ("R50.9", "fever", "R50.9", Code, Exact, 0),
        ("i10", "hypertension", "I10", Code, Exact, 0),
        ("HP:00019", "fever", "HP:0001945", Code, Beginning, 0),
        ("high-fever", "high-fever", "high fever", English, Exact, 0),
    ] {
        let hits = vocabulary.search().find(typed, 10);
        let first = hits.first().unwrap_or_else(|| panic!("{typed}: nothing"));
        let id = vocabulary.get(first.key).unwrap().id.as_str();
        let got = (id, first.name.as_ref(), first.by, first.how, first.slips);
        let alike_or_near = how == Near && first.how == Alike;
        assert!(
            got == (want, name, by, how, slips) || (alike_or_near && id == want),
            "{typed}: {got:?}, wanted {want} {name} {by:?} {how:?} {slips}"
        );
    }
}

#[test]
fn what_is_no_name_finds_nothing() {
    let vocabulary = small();
    for typed in ["", "  ", "-", "・", "ぬるぽ", "xyz", "\u{1F600}", "'", "ッ", "ー"] {
        let hits = vocabulary.search().find(typed, 10);
        assert!(hits.is_empty(), "{typed:?}: {hits:?}");
    }
    assert!(vocabulary.search().find("発熱", 0).is_empty());
    assert!(Vocabulary::default().search().find("発熱", 10).is_empty());
}

#[test]
fn better_hits_come_first_and_each_concept_once() {
    for typed in [
        "は",
        "はい",
        "肺",
        "肺炎",
        "hai",
        "haien",
        "k",
        "pneu",
        "pnuemonia",
        "CRP",
        "こけつあつ",
        "E11",
    ] {
        for most in [1, 3, 10, 100] {
            let hits = VOCABULARY.search().find(typed, most);
            assert!(!hits.is_empty() && hits.len() <= most, "{typed} {most}");
            assert!(
                hits.windows(2).all(|pair| pair[0].how <= pair[1].how),
                "{typed}: {hits:?}"
            );
            let mut keys: Vec<u32> = hits.iter().map(|hit| hit.key).collect();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), hits.len(), "{typed}");
            assert_eq!(hits, VOCABULARY.search().find(typed, most), "{typed}: same again");
        }
    }
}

/// Every preferred name, its reading, and the romaji of the reading find their concept at the top.
#[test]
fn every_concept_is_found_by_its_own_name() {
    let index = VOCABULARY.search();
    let exact = |key: u32, typed: &str| {
        let hits = index.named(typed, 400);
        assert!(hits.iter().any(|hit| hit.key == key), "{typed}");
    };
    for (key, concept) in VOCABULARY.iter().step_by(97) {
        exact(key, &concept.name);
        if !concept.kana.is_empty() {
            exact(key, &concept.kana);
            exact(key, &index.sound(&concept.kana).unwrap());
        }
        exact(key, concept.id.as_str());
    }
}
