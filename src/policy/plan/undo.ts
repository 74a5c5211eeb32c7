import { type Classified, unknownRule } from "../classes/classify.ts";
import { isIrreversible } from "../classes/secrets.ts";

/** What a describer knows about undoing a call; whether it can be undone at all is not for it to say. */
export interface UndoNotes {
  /** How a later call undoes it, `by adding it again`. */
  readonly how?: string;
  /** What no later call brings back although the call can be undone, `unsaved data is lost`; replaces "can be undone". */
  readonly caveat?: string;
  /** What `GET` shows of the definition that the call deletes. */
  readonly definition?: unknown;
}

/** Says of a call that a later one can undo it. */
const undoable = "can be undone";

/** Says of a call that none can. */
const final = "cannot be undone";

/**
 * The end of line 1, from the class table, the parameters' rules and the definition that is deleted: whatever a
 * describer notes, an irreversible call "cannot be undone".
 */
export function undoText(method: string, classified: Classified, notes: UndoNotes = {}): string {
  if (isIrreversible(classified, notes.definition)) return final;
  if (classified.class === "sensitive") return exposureText(classified);
  if (method === "GET") return "read only";
  return notes.caveat ?? (notes.how === undefined ? undoable : `${undoable} ${notes.how}`);
}

/** What a sensitive call does to its caller's side: its answer goes to the model, or a node connects somewhere. */
function exposureText({ rule, reason, template = "" }: Classified): string {
  if (/(?:proxy|shell|vncwebsocket)$/.test(template)) return "opens a console";
  if (/\b(?:makes the nodes?|connects?|contact|sends?)\b/.test(reason)) return "connects elsewhere";
  const isData = /\b(?:exposes?|shows?|reads|returns|lists|scans)\b/.test(reason);
  return isData && rule !== unknownRule ? "exposes data" : "exposes data or connects elsewhere";
}
