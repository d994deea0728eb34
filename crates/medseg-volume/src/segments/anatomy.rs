//! Codes of SNOMED CT for names of structures.
//!
//! The codes and meanings are those of the context groups of PS3.16 that CID 7150 leads to (as pydicom lists them), or of
//! the terminologies of DCMQI and of 3D Slicer and its extension for TotalSegmentator;
//! `benches/peers/segmentation_codes.py` compares them. Left and right are modifiers, as DCMQI has them, except where the
//! standard has a code for one of both.

use super::Code;

/// The codes of a segment.
pub(super) struct Codes {
    pub category: Code,
    pub property_type: Code,
    pub modifier: Option<Code>,
}

/// Categories of CID 7150.
#[derive(Clone, Copy)]
enum Category {
    Anatomy,
    Tissue,
    Abnormal,
}

use Category::{Abnormal, Anatomy, Tissue};

impl Category {
    fn code(self) -> Code {
        match self {
            Anatomy => Code::sct("91723000", "Anatomical Structure"),
            Tissue => Code::sct("85756007", "Tissue"),
            Abnormal => Code::sct("49755003", "Morphologically Abnormal Structure"),
        }
    }
}

/// A structure of the table.
struct Entry {
    category: Category,
    /// True if there is one on the left and one on the right.
    paired: bool,
    value: &'static str,
    meaning: &'static str,
    /// Words in lower case between single spaces.
    names: &'static [&'static str],
}

const fn entry(
    category: Category,
    paired: bool,
    value: &'static str,
    meaning: &'static str,
    names: &'static [&'static str],
) -> Entry {
    Entry { category, paired, value, meaning, names }
}

/// The codes of a name; none for one that is not known.
pub(super) fn codes(name: &str) -> Option<Codes> {
    let lower = name.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    if let Some(entry) = find(&words) {
        return Some(entry.codes(None));
    }
    let side = |word: &str| match word {
        "left" | "l" => Some(Code::sct("7771000", "Left")),
        "right" | "r" => Some(Code::sct("24028007", "Right")),
        _ => None,
    };
    let (sides, others): (Vec<&str>, Vec<&str>) = words.iter().partition(|word| side(word).is_some());
    match sides[..] {
        // "kidneys": both of a pair.
        [] => {
            let (last, first) = others.split_last()?;
            let singular = [first, &[last.strip_suffix('s')?]].concat();
            let both = Code::sct("51440002", "Right and left");
            find(&singular).filter(|entry| entry.paired).map(|entry| entry.codes(Some(both)))
        }
        [one] => find(&others).filter(|entry| entry.paired).map(|entry| entry.codes(side(one))),
        _ => None,
    }
}

/// The codes of what is not known, as 3D Slicer has them.
pub(super) fn general() -> Codes {
    Codes { category: Tissue.code(), property_type: Tissue.code(), modifier: None }
}

fn find(words: &[&str]) -> Option<&'static Entry> {
    TABLE.iter().find(|entry| entry.names.iter().any(|name| name.split(' ').eq(words.iter().copied())))
}

impl Entry {
    fn codes(&self, modifier: Option<Code>) -> Codes {
        Codes { category: self.category.code(), property_type: Code::sct(self.value, self.meaning), modifier }
    }
}

/// Category, whether it is paired, code, meaning, names.
const TABLE: &[Entry] = &[
    entry(Anatomy, true, "23451007", "Adrenal gland", &["adrenal gland", "suprarenal gland"]),
    entry(Anatomy, false, "15825003", "Aorta", &["aorta"]),
    entry(Anatomy, false, "7832008", "Abdominal aorta", &["abdominal aorta"]),
    entry(Anatomy, false, "54247002", "Ascending aorta", &["ascending aorta", "aorta ascending"]),
    entry(Anatomy, false, "113262008", "Thoracic aorta", &["thoracic aorta"]),
    entry(Anatomy, false, "28273000", "Bile duct", &["bile duct", "biliary duct"]),
    entry(Anatomy, false, "89837001", "Bladder", &["bladder", "urinary bladder"]),
    entry(
        Anatomy,
        false,
        "12691009",
        "Innominate artery",
        &["brachiocephalic trunk", "brachiocephalic artery", "innominate artery"],
    ),
    entry(Anatomy, true, "8887007", "Innominate vein", &["brachiocephalic vein", "innominate vein"]),
    entry(Anatomy, false, "12738006", "Brain", &["brain"]),
    entry(Anatomy, false, "119238007", "Brain stem", &["brain stem", "brainstem"]),
    entry(Anatomy, true, "76752008", "Breast", &["breast"]),
    entry(Anatomy, true, "51299004", "Clavicle", &["clavicle", "clavicula"]),
    entry(Anatomy, false, "64688005", "Coccyx", &["coccyx"]),
    entry(Anatomy, false, "71854001", "Colon", &["colon"]),
    entry(Anatomy, true, "32062004", "Common carotid artery", &["common carotid artery", "carotid artery common"]),
    entry(Anatomy, true, "73634005", "Common iliac artery", &["common iliac artery"]),
    entry(Anatomy, true, "46027005", "Common iliac vein", &["common iliac vein"]),
    entry(Anatomy, false, "41801008", "Coronary artery", &["coronary artery", "coronary arteries"]),
    entry(Anatomy, false, "38848004", "Duodenum", &["duodenum"]),
    entry(Anatomy, false, "32849002", "Esophagus", &["oesophagus", "esophagus"]),
    entry(Anatomy, true, "44947003", "Erector spinae muscle", &["erector spinae", "erector spinae muscle"]),
    entry(Anatomy, true, "79652003", "Eyeball", &["eyeball"]),
    entry(Anatomy, true, "71341001", "Femur", &["femur"]),
    entry(Anatomy, false, "28231008", "Gallbladder", &["gallbladder", "gall bladder"]),
    entry(Anatomy, false, "80891009", "Heart", &["heart"]),
    entry(Anatomy, false, "8993003", "Hepatic vein", &["hepatic vein", "hepatic veins"]),
    entry(Anatomy, true, "29836001", "Hip", &["hip"]),
    entry(Anatomy, true, "5366008", "Hippocampus", &["hippocampus"]),
    entry(Anatomy, true, "85050009", "Humerus", &["humerus"]),
    entry(Anatomy, true, "10293006", "Iliac artery", &["iliac artery"]),
    entry(Anatomy, true, "244411005", "Iliac vein", &["iliac vein", "iliac vena"]),
    entry(
        Anatomy,
        false,
        "64131007",
        "Inferior vena cava",
        &["inferior vena cava", "vena cava inferior", "ivc", "postcava"],
    ),
    entry(Anatomy, true, "64033007", "Kidney", &["kidney"]),
    entry(Anatomy, false, "14742008", "Large intestine", &["large intestine", "large bowel"]),
    entry(Anatomy, false, "4596009", "Larynx", &["larynx"]),
    entry(
        Anatomy,
        false,
        "82471001",
        "Left atrium",
        &["left atrium", "left atrium of heart", "heart left atrium", "heart atrium left"],
    ),
    entry(Anatomy, false, "33626005", "Left auricular appendage", &["left atrial appendage"]),
    entry(
        Anatomy,
        false,
        "87878005",
        "Left ventricle",
        &["left ventricle", "left ventricle of heart", "heart left ventricle", "heart ventricle left"],
    ),
    entry(Anatomy, false, "10200004", "Liver", &["liver"]),
    entry(Anatomy, true, "39607008", "Lung", &["lung"]),
    entry(Anatomy, true, "90572001", "Lower lobe of lung", &["lower lobe of lung", "lung lower lobe"]),
    entry(
        Anatomy,
        false,
        "72481006",
        "Middle lobe of right lung",
        &["middle lobe of right lung", "right lung middle lobe", "lung middle lobe right", "lung middle lobe"],
    ),
    entry(Anatomy, true, "45653009", "Upper lobe of lung", &["upper lobe of lung", "lung upper lobe"]),
    entry(Anatomy, false, "91609006", "Mandible", &["mandible"]),
    entry(Anatomy, false, "74281007", "Myocardium", &["myocardium", "heart myocardium"]),
    entry(Anatomy, true, "18234004", "Optic nerve", &["optic nerve"]),
    entry(Anatomy, true, "15497006", "Ovary", &["ovary"]),
    entry(Anatomy, false, "15776009", "Pancreas", &["pancreas"]),
    entry(Anatomy, false, "69930009", "Pancreatic duct", &["pancreatic duct"]),
    entry(Anatomy, true, "45289007", "Parotid gland", &["parotid", "parotid gland"]),
    entry(Anatomy, false, "32764006", "Portal vein", &["portal vein"]),
    entry(
        Anatomy,
        false,
        "110765007",
        "Portal vein and splenic vein",
        &["portal vein and splenic vein", "portal and splenic vein"],
    ),
    entry(Anatomy, false, "41216001", "Prostate", &["prostate"]),
    entry(Anatomy, false, "81040000", "Pulmonary artery", &["pulmonary artery"]),
    entry(Anatomy, false, "122972007", "Pulmonary vein", &["pulmonary vein"]),
    entry(Anatomy, false, "34402009", "Rectum", &["rectum"]),
    entry(Anatomy, true, "113197003", "Rib", &["rib"]),
    entry(
        Anatomy,
        false,
        "73829009",
        "Right atrium",
        &["right atrium", "right atrium of heart", "heart right atrium", "heart atrium right"],
    ),
    entry(
        Anatomy,
        false,
        "53085002",
        "Right ventricle",
        &["right ventricle", "right ventricle of heart", "heart right ventricle", "heart ventricle right"],
    ),
    entry(Anatomy, false, "54735007", "Sacrum", &["sacrum"]),
    entry(Anatomy, true, "79601000", "Scapula", &["scapula"]),
    entry(Anatomy, true, "64739004", "Seminal Vesicle", &["seminal vesicle"]),
    entry(Anatomy, false, "60184004", "Sigmoid colon", &["sigmoid colon"]),
    entry(Anatomy, false, "89546000", "Skull", &["skull"]),
    entry(Anatomy, false, "30315005", "Small intestine", &["small intestine", "small bowel"]),
    entry(Anatomy, false, "2748008", "Spinal cord", &["spinal cord"]),
    entry(Anatomy, false, "421060004", "Spine", &["spine"]),
    entry(Anatomy, false, "78961009", "Spleen", &["spleen"]),
    entry(Anatomy, false, "22083002", "Splenic artery", &["splenic artery"]),
    entry(Anatomy, false, "35819009", "Splenic vein", &["splenic vein"]),
    entry(Anatomy, false, "56873002", "Sternum", &["sternum"]),
    entry(Anatomy, false, "69695003", "Stomach", &["stomach"]),
    entry(Anatomy, true, "36765005", "Subclavian artery", &["subclavian artery"]),
    entry(Anatomy, true, "54019009", "Submandibular gland", &["submandibular gland"]),
    entry(Anatomy, false, "42258001", "Superior mesenteric artery", &["superior mesenteric artery"]),
    entry(Anatomy, false, "48345005", "Superior vena cava", &["superior vena cava", "vena cava superior"]),
    entry(Anatomy, false, "69748006", "Thyroid", &["thyroid", "thyroid gland"]),
    entry(Anatomy, false, "44567001", "Trachea", &["trachea"]),
    entry(Anatomy, true, "87953007", "Ureter", &["ureter"]),
    entry(Anatomy, false, "35039007", "Uterus", &["uterus"]),
    entry(Anatomy, false, "51282000", "Vertebra", &["vertebra", "vertebrae"]),
    entry(Anatomy, true, "68455001", "Iliopsoas muscle", &["iliopsoas", "iliopsoas muscle"]),
    entry(
        Tissue,
        false,
        "59820001",
        "Blood Vessel",
        &[
            "blood vessel",
            "vessel",
            "vessels",
            "hepatic vessel",
            "hepatic vessels",
            "liver vessel",
            "liver vessels",
            "vascular",
        ],
    ),
    entry(Tissue, false, "51114001", "Artery", &["artery", "arteries"]),
    entry(Tissue, false, "29092000", "Vein", &["vein", "veins"]),
    entry(Tissue, false, "272673000", "Bone", &["bone", "bones"]),
    entry(Tissue, false, "71616004", "Muscle", &["muscle", "muscles"]),
    entry(Tissue, false, "248300009", "Body fat", &["fat", "body fat"]),
    entry(Tissue, false, "39937001", "Skin", &["skin"]),
    entry(Tissue, false, "59441001", "Lymph node", &["lymph node", "lymph nodes"]),
    entry(Tissue, false, "113343008", "Organ", &["organ"]),
    entry(Tissue, false, "85756007", "Tissue", &["tissue"]),
    entry(
        Abnormal,
        false,
        "108369006",
        "Neoplasm",
        &[
            "tumour",
            "tumor",
            "neoplasm",
            "cancer",
            "liver tumour",
            "liver tumor",
            "kidney tumour",
            "kidney tumor",
            "pancreas tumour",
            "pancreas tumor",
            "lung tumour",
            "lung tumor",
            "colon cancer",
            "colon tumour",
            "colon tumor",
            "gtv",
        ],
    ),
    entry(Abnormal, false, "4147007", "Mass", &["mass", "lesion"]),
    entry(
        Abnormal,
        false,
        "14799000",
        "Neoplasm, Secondary",
        &["metastasis", "metastases", "liver metastasis", "liver metastases"],
    ),
    entry(Abnormal, false, "367643001", "Cyst", &["cyst", "cysts", "kidney cyst", "liver cyst"]),
    entry(Abnormal, false, "79654002", "Edema", &["edema", "oedema"]),
    entry(Abnormal, false, "6574001", "Necrosis", &["necrosis"]),
    entry(Anatomy, false, "14806007", "C1 vertebra", &["vertebra c1", "vertebrae c1", "c1 vertebra"]),
    entry(Anatomy, false, "39976000", "C2 vertebra", &["vertebra c2", "vertebrae c2", "c2 vertebra"]),
    entry(Anatomy, false, "113205007", "C3 vertebra", &["vertebra c3", "vertebrae c3", "c3 vertebra"]),
    entry(Anatomy, false, "5329002", "C4 vertebra", &["vertebra c4", "vertebrae c4", "c4 vertebra"]),
    entry(Anatomy, false, "36978003", "C5 vertebra", &["vertebra c5", "vertebrae c5", "c5 vertebra"]),
    entry(Anatomy, false, "36054005", "C6 vertebra", &["vertebra c6", "vertebrae c6", "c6 vertebra"]),
    entry(Anatomy, false, "87391001", "C7 vertebra", &["vertebra c7", "vertebrae c7", "c7 vertebra"]),
    entry(Anatomy, false, "64864005", "T1 vertebra", &["vertebra t1", "vertebrae t1", "t1 vertebra"]),
    entry(Anatomy, false, "53733008", "T2 vertebra", &["vertebra t2", "vertebrae t2", "t2 vertebra"]),
    entry(Anatomy, false, "1626008", "T3 vertebra", &["vertebra t3", "vertebrae t3", "t3 vertebra"]),
    entry(Anatomy, false, "73071006", "T4 vertebra", &["vertebra t4", "vertebrae t4", "t4 vertebra"]),
    entry(Anatomy, false, "56401006", "T5 vertebra", &["vertebra t5", "vertebrae t5", "t5 vertebra"]),
    entry(Anatomy, false, "45296009", "T6 vertebra", &["vertebra t6", "vertebrae t6", "t6 vertebra"]),
    entry(Anatomy, false, "62487009", "T7 vertebra", &["vertebra t7", "vertebrae t7", "t7 vertebra"]),
    entry(Anatomy, false, "11068009", "T8 vertebra", &["vertebra t8", "vertebrae t8", "t8 vertebra"]),
    entry(Anatomy, false, "82687006", "T9 vertebra", &["vertebra t9", "vertebrae t9", "t9 vertebra"]),
    entry(Anatomy, false, "7610001", "T10 vertebra", &["vertebra t10", "vertebrae t10", "t10 vertebra"]),
    entry(Anatomy, false, "12989004", "T11 vertebra", &["vertebra t11", "vertebrae t11", "t11 vertebra"]),
    entry(Anatomy, false, "23215003", "T12 vertebra", &["vertebra t12", "vertebrae t12", "t12 vertebra"]),
    entry(Anatomy, false, "66794005", "L1 vertebra", &["vertebra l1", "vertebrae l1", "l1 vertebra"]),
    entry(Anatomy, false, "14293000", "L2 vertebra", &["vertebra l2", "vertebrae l2", "l2 vertebra"]),
    entry(Anatomy, false, "36470004", "L3 vertebra", &["vertebra l3", "vertebrae l3", "l3 vertebra"]),
    entry(Anatomy, false, "11994002", "L4 vertebra", &["vertebra l4", "vertebrae l4", "l4 vertebra"]),
    entry(Anatomy, false, "49668003", "L5 vertebra", &["vertebra l5", "vertebrae l5", "l5 vertebra"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str) -> Option<(String, Option<String>)> {
        codes(name).map(|codes| (codes.property_type.meaning, codes.modifier.map(|code| code.meaning)))
    }

    #[test]
    fn names_are_found_however_they_are_written() {
        let some = |meaning: &str, side: Option<&str>| Some((meaning.to_string(), side.map(str::to_string)));
        for (name, want) in [
            ("liver", some("Liver", None)),
            ("  LIVER ", some("Liver", None)),
            ("kidney_left", some("Kidney", Some("Left"))),
            ("Left Kidney", some("Kidney", Some("Left"))),
            ("Kidney-R", some("Kidney", Some("Right"))),
            ("kidneys", some("Kidney", Some("Right and left"))),
            ("lung_upper_lobe_left", some("Upper lobe of lung", Some("Left"))),
            ("lung_middle_lobe_right", some("Middle lobe of right lung", None)),
            ("left atrium", some("Left atrium", None)),
            ("vertebrae_L3", some("L3 vertebra", None)),
            ("Oesophagus", some("Esophagus", None)),
            ("liver tumour", some("Neoplasm", None)),
            ("hepatic vessel", some("Blood Vessel", None)),
            // No such thing: the name is kept, the code is general.
            ("left liver", None),
            ("left right kidney", None),
            ("structure 17", None),
            ("", None),
            ("s", None),
        ] {
            assert_eq!(found(name), want, "{name}");
        }
    }

    #[test]
    fn no_name_stands_for_two_entries() {
        let mut names: Vec<&str> = TABLE.iter().flat_map(|entry| entry.names).copied().collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        for entry in TABLE {
            let code = entry.codes(None);
            assert!(code.category.check("category").is_ok() && code.property_type.check("type").is_ok());
            assert!(entry.value.bytes().all(|byte| byte.is_ascii_digit()));
            // Words in lower case between single spaces, as names are compared.
            assert!(entry.names.iter().all(|name| codes(name).is_some_and(|c| c.property_type.value == entry.value)));
        }
    }
}
