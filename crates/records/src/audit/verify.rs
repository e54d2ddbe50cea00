//! Verification of the whole log: the tree is computed anew from the bytes of the entries, in one pass over the rows, and
//! held against the columns, the stored nodes and every signed head. Then the notes are held against what was signed.

use crate::audit::align::{Change, align};
use crate::audit::columns::Columns;
use crate::audit::finding::AuditFinding;
use crate::audit::head::{self, PublicKey, TreeHead};
use crate::audit::merkle::{TreeHash, empty_root, leaf_hash, node_hash};
use crate::audit::signed::Signed;
use crate::errors::StoreError;
use crate::ids::PatientId;
use crate::store::Store;
use rusqlite::{Connection, Row, Rows};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::{mem, thread};

/// Most findings that are listed.
pub const MAX_AUDIT_FINDINGS: usize = 100;

/// Entries that are handed over to be checked together, and how many such batches wait at most.
const BATCH: usize = 256;
const WAITING_BATCHES: usize = 8;

/// Whose signature on a head is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyTrust<'a> {
    /// That of these keys only.
    Only(&'a [PublicKey]),
    /// That of the key in the head: for heads that were kept where nobody could exchange them.
    AsCarried,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditReport {
    /// Entries that are there.
    pub entries: u64,
    /// Root of the tree over them.
    pub root: TreeHash,
    /// Heads that were checked, those kept in the store included.
    pub heads: usize,
    /// What is wrong, at most [`MAX_AUDIT_FINDINGS`]; nothing when the log is whole.
    pub findings: Vec<AuditFinding>,
    /// Findings beyond those.
    pub more: usize,
    /// Versions of notes that are what the entries which signed them say.
    pub documents: u64,
    /// Versions signed before there was an audit trail (schema 3): nothing is known of them but their own hashes.
    pub documents_before: u64,
    /// Versions signed by an entry of before there were digests: the same.
    pub documents_without_digest: u64,
}

impl AuditReport {
    /// Whether nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.findings.is_empty()
    }
}

impl Store {
    /// Verifies the audit trail against itself, the heads kept in the store and those that were exported. It reads every
    /// entry, in one state of the store; others go on meanwhile.
    ///
    /// # Errors
    /// Only those of the file; whatever is wrong with the log is in the report.
    pub fn verify_audit(
        &self,
        exported: &[TreeHead],
        trust: KeyTrust<'_>,
    ) -> Result<AuditReport, StoreError> {
        self.read_unaudited("verify audit trail", |conn| verify(conn, exported, trust))
    }
}

/// Verifies the log of a database.
pub(crate) fn verify(
    conn: &Connection,
    exported: &[TreeHead],
    trust: KeyTrust<'_>,
) -> Result<AuditReport, StoreError> {
    let mut notes = Notes::default();
    let mut heads = head::heads(conn)?;
    for head in &heads {
        // Which key a head in the store carries, somebody who changed the store has chosen; that it fits is all it shows.
        notes.check_signature(head, KeyTrust::AsCarried);
    }
    for head in exported {
        notes.check_signature(head, trust);
    }
    heads.extend_from_slice(exported);
    heads.sort_by_key(|head| head.size);
    let walk = walk_and_check(conn, &heads, &mut notes)?;
    match walk.first_difference {
        Some(first) => notes.follow_up(conn, first, walk.agreed)?,
        None => walk
            .renumbered
            .iter()
            .for_each(|finding| notes.add(finding.clone())),
    }
    if let Some(head) = heads.last().filter(|head| head.size > walk.entries) {
        notes.add(AuditFinding::CutOff {
            entries: walk.entries,
            signed: head.size,
        });
    }
    let signed = mem::take(&mut notes.signed);
    let held = signed.hold(conn, &mut |finding| notes.add(finding))?;
    Ok(AuditReport {
        entries: walk.entries,
        root: walk.root,
        heads: heads.len(),
        findings: notes.findings,
        more: notes.more,
        documents: held.as_signed,
        documents_before: held.before_trail,
        documents_without_digest: held.without_digest,
    })
}

/// Goes over the rows, while another thread holds the columns against the bytes, which is half of the work.
fn walk_and_check(conn: &Connection, heads: &[TreeHead], notes: &mut Notes) -> Result<Walk, StoreError> {
    thread::scope(|scope| {
        let (queue, waiting) = sync_channel::<Vec<Filed>>(WAITING_BATCHES);
        let checker = scope.spawn(move || {
            let mut notes = Notes::default();
            for filed in waiting.iter().flatten() {
                notes.check_columns(&filed);
            }
            notes
        });
        let walk = Walk::over(conn, heads, notes, &queue);
        // The checker ends when nothing more can come.
        drop(queue);
        let checked = checker.join().map_err(|_| StoreError::Database {
            place: String::new(),
            detail: "the checking thread died".to_owned(),
        })?;
        notes.absorb(checked);
        walk
    })
}

/// An entry and its columns, as they are in the file.
struct Filed {
    entry: i64,
    json: Vec<u8>,
    recorded: i64,
    agent: String,
    patient: Option<PatientId>,
    action: String,
    subtype: String,
    outcome: i64,
    kinds: String,
}

impl Filed {
    fn read(row: &Row<'_>, entry: i64, json: &[u8]) -> rusqlite::Result<Self> {
        Ok(Self {
            entry,
            json: json.to_vec(),
            recorded: row.get(2)?,
            agent: row.get(3)?,
            patient: row.get(4)?,
            action: row.get(5)?,
            subtype: row.get(6)?,
            outcome: row.get(7)?,
            kinds: row.get(8)?,
        })
    }
}

/// The findings so far.
#[derive(Default)]
struct Notes {
    findings: Vec<AuditFinding>,
    more: usize,
    /// What the entries signed.
    signed: Signed,
}

impl Notes {
    fn add(&mut self, finding: AuditFinding) {
        if self.findings.len() < MAX_AUDIT_FINDINGS {
            self.findings.push(finding);
        } else {
            self.more += 1;
        }
    }

    fn absorb(&mut self, others: Self) {
        for finding in others.findings {
            self.add(finding);
        }
        self.more += others.more;
        self.signed = others.signed;
    }

    fn check_columns(&mut self, filed: &Filed) {
        let entry = filed.entry;
        let Some((columns, signings)) = Columns::read(&filed.json) else {
            self.add(AuditFinding::Unreadable(entry));
            return;
        };
        let checks = [
            ("recorded", filed.recorded == columns.recorded),
            ("agent", filed.agent == columns.agent),
            ("patient", filed.patient == columns.patient),
            ("action", filed.action == columns.action),
            ("subtype", filed.subtype == columns.subtype),
            ("outcome", filed.outcome == columns.outcome),
            ("kinds", filed.kinds == columns.kinds),
        ];
        for (column, _) in checks.iter().filter(|(_, is_right)| !is_right) {
            self.add(AuditFinding::Column { entry, column });
        }
        for signing in &signings {
            if let Some(finding) = self.signed.add(entry, signing) {
                self.add(finding);
            }
        }
    }

    fn check_signature(&mut self, head: &TreeHead, trust: KeyTrust<'_>) {
        let is_believed = match trust {
            KeyTrust::Only(keys) => keys.contains(&head.public_key),
            KeyTrust::AsCarried => true,
        };
        if !is_believed || !head.is_signed() {
            self.add(AuditFinding::Signature { size: head.size });
        }
    }

    /// Finds out what was done from place `first` on, where entries and stored leaves begin to differ. A head shows that
    /// the first `agreed` entries are right, so that there it is the leaves that were changed.
    fn follow_up(&mut self, conn: &Connection, first: i64, agreed: i64) -> Result<(), StoreError> {
        let mut list = conn.prepare("SELECT id, json FROM audit_entry ORDER BY id LIMIT -1 OFFSET ?1")?;
        let mut rows = list.query([first])?;
        let (mut ids, mut now) = (Vec::new(), Vec::new());
        while let Some(row) = rows.next()? {
            ids.push(row.get(0)?);
            now.push(leaf_hash(row.get_ref(1)?.as_blob().unwrap_or_default()));
        }
        let then = stored_leaves(conn, first)?;
        let place = |leaf: usize| first.saturating_add(i64::try_from(leaf).unwrap_or(i64::MAX));
        let id = |row: usize| ids.get(row).copied().unwrap_or(i64::MAX);
        let (changes, is_cut) = align(&now, &then);
        let is_missing = |leaf: usize| then.get(leaf) == Some(&empty_root());
        for change in changes {
            self.add(match change {
                Change::Altered { row, leaf } if is_missing(leaf) || place(row) < agreed => {
                    AuditFinding::Node {
                        entry: id(row),
                        place: leaf_place(place(leaf)),
                    }
                }
                Change::Altered { row, .. } => AuditFinding::Altered(id(row)),
                Change::Inserted { row } => AuditFinding::Inserted(id(row)),
                Change::Removed { leaf } => AuditFinding::Removed(place(leaf)),
                Change::Moved { row, leaf } => AuditFinding::Moved {
                    entry: id(row),
                    was: place(leaf),
                },
            });
        }
        if is_cut {
            self.add(AuditFinding::ChangedThroughout);
        }
        Ok(())
    }
}

/// Place of a leaf among the nodes.
fn leaf_place(leaf: i64) -> i64 {
    2 * leaf - i64::from(leaf.count_ones())
}

/// The stored hashes of the leaves from a place on, as far as they follow each other.
fn stored_leaves(conn: &Connection, first: i64) -> Result<Vec<TreeHash>, StoreError> {
    let mut list = conn.prepare("SELECT place, hash FROM audit_node WHERE place >= 0 ORDER BY place")?;
    let mut nodes = Nodes::new(list.query([])?)?;
    let mut leaves = Vec::new();
    let (mut index, mut place) = (0_i64, 0_i64);
    while nodes.has_more() {
        let hash = nodes.take(place)?;
        if index >= first {
            // A leaf that is missing is none that was appended.
            leaves.push(hash.unwrap_or_else(empty_root));
        }
        // After the leaf come the nodes that it completes.
        place += 1 + i64::from(index.trailing_ones());
        nodes.skip_to(place)?;
        index += 1;
    }
    Ok(leaves)
}

/// What one pass over the rows gives.
struct Walk {
    /// Entries that are there.
    entries: u64,
    /// Root over them.
    root: TreeHash,
    /// The first place where entry and stored leaf differ, or one is missing.
    first_difference: Option<i64>,
    /// Size of the last head that agrees with the entries.
    agreed: i64,
    /// Entries from which on `id` and place differ otherwise than before. Where entries were put in or taken out, that is
    /// why.
    renumbered: Vec<AuditFinding>,
}

/// The trees that grow during the pass.
struct Trees {
    /// From the bytes of the entries, in their order.
    bytes: Frontier,
    /// From the stored leaves; none as long as they are the same.
    stored: Option<Frontier>,
    /// Place of the next stored node.
    place: i64,
}

impl Walk {
    fn over(
        conn: &Connection,
        heads: &[TreeHead],
        notes: &mut Notes,
        queue: &SyncSender<Vec<Filed>>,
    ) -> Result<Self, StoreError> {
        let mut entries = conn.prepare(
            "SELECT id, json, recorded, agent, patient, action, subtype, outcome, kinds FROM audit_entry ORDER BY id",
        )?;
        let mut nodes = conn.prepare("SELECT place, hash FROM audit_node ORDER BY place")?;
        let (mut entries, mut nodes) = (entries.query([])?, Nodes::new(nodes.query([])?)?);
        let mut trees = Trees {
            bytes: Frontier::default(),
            stored: None,
            place: 0,
        };
        let mut heads = Heads { heads, agreed: 0 };
        heads.check(0, &trees.bytes, notes);
        let (mut count, mut first_difference) = (0_i64, None);
        let mut batch = Vec::with_capacity(BATCH);
        let (mut shift, mut renumbered) = (0, Vec::new());
        while let Some(row) = entries.next()? {
            let entry: i64 = row.get(0)?;
            if entry.wrapping_sub(count) != shift && renumbered.len() < MAX_AUDIT_FINDINGS {
                shift = entry.wrapping_sub(count);
                renumbered.push(AuditFinding::Renumbered { entry, place: count });
            }
            // The schema has the column as a blob, and is strict.
            let json = row.get_ref(1)?.as_blob().unwrap_or_default();
            batch.push(Filed::read(row, entry, json)?);
            if batch.len() == BATCH {
                // If the checker died, that is told when it is joined.
                let _ = queue.send(mem::take(&mut batch));
            }
            if !trees.grow(leaf_hash(json), entry, &mut nodes, notes)? {
                first_difference = first_difference.or(Some(count));
            }
            count += 1;
            heads.check(count.unsigned_abs(), &trees.bytes, notes);
        }
        let _ = queue.send(batch);
        if nodes.has_more() {
            first_difference = first_difference.or(Some(count));
        }
        Ok(Self {
            entries: count.unsigned_abs(),
            root: trees.bytes.root(),
            first_difference,
            agreed: i64::try_from(heads.agreed).unwrap_or(0),
            renumbered,
        })
    }
}

impl Trees {
    /// Adds an entry to both trees, and holds the second against the nodes. Gives whether the stored leaf is the entry's.
    fn grow(
        &mut self,
        leaf: TreeHash,
        entry: i64,
        nodes: &mut Nodes<'_>,
        notes: &mut Notes,
    ) -> Result<bool, StoreError> {
        let was = nodes.take(self.place)?;
        let is_same = was == Some(leaf);
        if !is_same && self.stored.is_none() {
            self.stored = Some(self.bytes.clone());
        }
        self.place += 1;
        let completed = self.bytes.push(leaf);
        let completed = match &mut self.stored {
            Some(stored) => stored.push(was.unwrap_or(leaf)),
            None => completed,
        };
        for node in completed {
            // Where leaves are missing their nodes are too; that is said once.
            let found = nodes.take(self.place)?;
            if found != Some(node) && was.is_some() {
                let place = self.place;
                notes.add(AuditFinding::Node { entry, place });
            }
            self.place += 1;
        }
        Ok(is_same)
    }
}

/// The heads, in the order of their sizes, as the pass comes by.
struct Heads<'h> {
    heads: &'h [TreeHead],
    agreed: u64,
}

impl Heads<'_> {
    fn check(&mut self, size: u64, tree: &Frontier, notes: &mut Notes) {
        while let Some((head, rest)) = self.heads.split_first()
            && head.size == size
        {
            if head.root == tree.root() {
                self.agreed = size;
            } else {
                let agreed = self.agreed;
                notes.add(AuditFinding::Head { size, agreed });
            }
            self.heads = rest;
        }
    }
}

/// The stored nodes as they are read, in the order of their places.
struct Nodes<'r> {
    rows: Rows<'r>,
    next: Option<(i64, TreeHash)>,
}

impl<'r> Nodes<'r> {
    fn new(rows: Rows<'r>) -> Result<Self, StoreError> {
        let mut nodes = Self { rows, next: None };
        nodes.advance()?;
        Ok(nodes)
    }

    fn has_more(&self) -> bool {
        self.next.is_some()
    }

    /// The node at this place, which is not before the one taken last; none when it is missing.
    fn take(&mut self, place: i64) -> Result<Option<TreeHash>, StoreError> {
        self.skip_to(place)?;
        match self.next {
            Some((found, hash)) if found == place => {
                self.advance()?;
                Ok(Some(hash))
            }
            _ => Ok(None),
        }
    }

    fn skip_to(&mut self, place: i64) -> Result<(), StoreError> {
        while self.next.is_some_and(|(found, _)| found < place) {
            self.advance()?;
        }
        Ok(())
    }

    fn advance(&mut self) -> Result<(), StoreError> {
        self.next = match self.rows.next()? {
            Some(row) => Some((row.get(0)?, row.get(1)?)),
            None => None,
        };
        Ok(())
    }
}

/// The nodes at the right edge of a tree, whose leaves are all there: for each, its number of leaves as a power of two.
#[derive(Clone, Default)]
struct Frontier(Vec<(u32, TreeHash)>);

impl Frontier {
    /// Adds a leaf; gives the nodes above it that it completes, from the lowest.
    fn push(&mut self, leaf: TreeHash) -> Vec<TreeHash> {
        let (mut level, mut hash) = (0, leaf);
        let mut completed = Vec::new();
        while let Some((left_level, left)) = self.0.last()
            && *left_level == level
        {
            hash = node_hash(left, &hash);
            completed.push(hash);
            level += 1;
            self.0.pop();
        }
        self.0.push((level, hash));
        completed
    }

    /// Root over all leaves so far.
    fn root(&self) -> TreeHash {
        let mut edge = self.0.iter().rev().map(|(_, hash)| *hash);
        let Some(last) = edge.next() else {
            return empty_root();
        };
        edge.fold(last, |right, left| node_hash(&left, &right))
    }
}
