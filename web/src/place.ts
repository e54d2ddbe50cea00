// Where the text of an answer goes: behind the last finished line of its section, else on a line of its own, so that no
// sentence that is being written is touched, and no denial reaches what stands before it.

/** A heading S) O) A) P), with what stands behind it. */
const heading = /^[ \t\u3000]*([SOAP\uff33\uff2f\uff21\uff30])[ \t\u3000]*[)\uff09:\uff1a.\uff0e](.*)$/;

/** What to insert, and where (UTF-16). */
export interface Insertion {
  at: number;
  text: string;
}

const letterOf = (line: string): string => (heading.exec(line)?.[1] ?? "").normalize("NFKC");

/** Where an answer to a question of a section (`S`, `O`) goes in a text whose caret stands at a place. */
export function placeOf(text: string, caret: number, section: string, answer: string): Insertion {
  const lines = text.split("\n");
  const starts: number[] = [];
  let offset = 0;
  for (const line of lines) {
    starts.push(offset);
    offset += line.length + 1;
  }
  const own = lines.map(letterOf).lastIndexOf(section);
  const atCaret = starts.filter((start) => start <= caret).length - 1;
  const first = own >= 0 ? own : Math.max(0, atCaret);
  let last = first;
  for (let next = first + 1; next < lines.length && letterOf(lines[next] ?? "") === ""; next += 1) last = next;
  while (last > first && (lines[last] ?? "").trim() === "") last -= 1;
  const line = lines[last] ?? "";
  const behind = (heading.exec(line)?.[2] ?? line).trim();
  const sentence = /[\u3002.\uff0e]$/.test(answer) ? answer : `${answer}\u3002`;
  const at = (starts[last] ?? 0) + line.length;
  const isFinished = behind === "" || /[\u3002\uff0e]$/.test(behind);
  return { at, text: isFinished ? sentence : `\n${sentence}` };
}
