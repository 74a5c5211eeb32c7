/**
 * How many units one validation may cost. A unit is about 100 ns at worst: a step of a pattern's automaton over one
 * character, or 16 characters of a plain comparison. 2,000,000 units are less than 0.3 s; with
 * Proxmox's own schema 31 disks take 19,000 and a description of 500 kB takes 31,000.
 */
const maxUnits = 2_000_000;

/** So many unknown names get a suggestion; a request with more has another fault than a slip of the pen. */
const maxSuggestions = 20;

/**
 * What is left of the work that one validation may do: the schema is text of the far end, the values come from a caller,
 * and neither may hold the event loop. What exceeds the budget is not checked here, but by Proxmox.
 */
export class Budget {
  #units = maxUnits;
  #suggestions = maxSuggestions;

  /** Takes units; false, and nothing taken, when fewer are left. */
  spend(units: number): boolean {
    if (units > this.#units) return false;
    this.#units -= units;
    return true;
  }

  /** Whether one more name may be compared with all candidates. */
  suggest(): boolean {
    if (this.#suggestions === 0) return false;
    this.#suggestions -= 1;
    return true;
  }
}
