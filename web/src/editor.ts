// The text: a plain editor whose only decorations are marks, painted between compositions, never during one.
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { EditorState, type Range, RangeSet, StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, keymap } from "@codemirror/view";
import type { Mark, Place } from "./messages";
import { toUtf16 } from "./offsets";

const paintMarks = StateEffect.define<DecorationSet>();
const paintLit = StateEffect.define<DecorationSet>();

function layer(effect: typeof paintMarks): StateField<DecorationSet> {
  return StateField.define<DecorationSet>({
    create: () => Decoration.none,
    update(marks, transaction) {
      // Until the next answer, marks move with the text around them.
      let next = transaction.docChanged ? marks.map(transaction.changes) : marks;
      for (const one of transaction.effects) if (one.is(effect)) next = one.value;
      return next;
    },
    provide: (field) => EditorView.decorations.from(field),
  });
}

export interface EditorHooks {
  /** The text changed, by a key or a composition that may still go on. */
  changed(): void;
  /** A composition ended. */
  composed(): void;
  /** The caret moved. */
  moved(): void;
  /** The text lost the focus. */
  left(): void;
}

export class Editor {
  readonly view: EditorView;

  constructor(parent: HTMLElement, text: string, label: string, nonce: string, hooks: EditorHooks) {
    this.view = new EditorView({
      parent,
      state: EditorState.create({
        doc: text,
        selection: { anchor: text.length },
        extensions: [
          history(),
          keymap.of([...defaultKeymap, ...historyKeymap]),
          EditorView.lineWrapping,
          EditorView.cspNonce.of(nonce),
          EditorView.contentAttributes.of({ "aria-label": label, "aria-multiline": "true", spellcheck: "false", autocorrect: "off", autocapitalize: "off" }),
          layer(paintMarks),
          layer(paintLit),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) hooks.changed();
            if (update.selectionSet || update.docChanged) hooks.moved();
          }),
          EditorView.domEventHandlers({
            compositionend: () => {
              // The editor reads the composed text after this event.
              setTimeout(() => hooks.composed(), 0);
              return false;
            },
            blur: () => {
              hooks.left();
              return false;
            },
          }),
        ],
      }),
    });
  }

  get text(): string {
    return this.view.state.doc.toString();
  }

  get caret(): number {
    return this.view.state.selection.main.head;
  }

  get composing(): boolean {
    return this.view.composing || this.view.compositionStarted;
  }

  /** Paints the marks of an answer to the present text. */
  paint(marks: Mark[]): void {
    const at = toUtf16(this.text);
    const ranges: Range<Decoration>[] = [];
    for (const mark of marks) {
      const [from, to] = [at(mark.start), at(mark.end)];
      if (from < to) ranges.push(Decoration.mark({ class: mark.class }).range(from, to));
    }
    this.view.dispatch({ effects: paintMarks.of(RangeSet.of(ranges, true)) });
  }

  /** Lets places stand out while their fact is looked at. */
  light(places: Place[]): void {
    if (this.composing) return;
    const at = toUtf16(this.text);
    const ranges = places.map((place) => [at(place.start), at(place.end)] as const).filter(([from, to]) => from < to);
    const lit = ranges.map(([from, to]) => Decoration.mark({ class: "lit" }).range(from, to));
    this.view.dispatch({ effects: paintLit.of(RangeSet.of(lit, true)) });
  }

  /** Whether the caret stands in, or right behind, a place. */
  isAt(place: { start: number; end: number }): boolean {
    const at = toUtf16(this.text);
    return at(place.start) <= this.caret && this.caret <= at(place.end);
  }

  /** Selects a place and shows it. */
  select(place: Place): void {
    const at = toUtf16(this.text);
    this.view.dispatch({ selection: { anchor: at(place.start), head: at(place.end) }, scrollIntoView: true });
    this.view.focus();
  }

  /** Where a place is on the screen. */
  where(place: Place): { left: number; bottom: number } | null {
    const coordinates = this.view.coordsAtPos(toUtf16(this.text)(place.start));
    return coordinates && { left: coordinates.left, bottom: coordinates.bottom };
  }

  /** Where the line of the caret is on the screen, and whether nothing stands behind the caret in it. */
  lineAtCaret(): { left: number; top: number; bottom: number; isEnd: boolean } | null {
    const coordinates = this.view.coordsAtPos(this.caret, -1);
    const isEnd = this.view.state.doc.lineAt(this.caret).to === this.caret;
    return coordinates && { left: coordinates.left, top: coordinates.top, bottom: coordinates.bottom, isEnd };
  }

  /** Puts a text between two places and the caret behind it; it can be undone. */
  insert(from: number, to: number, text: string): void {
    this.view.dispatch({ changes: { from, to, insert: text }, selection: { anchor: from + text.length }, userEvent: "input.complete", scrollIntoView: true });
  }

  /** Puts a text at a place; the caret stays where it is, behind the text where it stood right there. */
  add(at: number, text: string): void {
    const changes = this.view.state.changes({ from: at, insert: text });
    const isHere = this.caret === at && !text.startsWith("\n");
    this.view.dispatch({ changes, selection: { anchor: changes.mapPos(this.caret, isHere ? 1 : -1) }, userEvent: "input.complete" });
  }

  /** Puts another text in place of this one; it can be undone. */
  replace(text: string): void {
    this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: text }, selection: { anchor: text.length } });
  }
}
