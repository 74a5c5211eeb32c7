import type { Proxmox } from "../policy/guarded-request.ts";
import { inputJsonSchema } from "../tools/arguments.ts";
import type { Tool } from "../tools/tool.ts";

/** What a client is shown: the tools as tools/list has them, and the server's instructions. */
export interface Offer {
  readonly instructions: string;
  readonly listed: ListedTool[];
}

type ListedTool = Pick<Tool, "name" | "title" | "description"> & {
  readonly inputSchema: ReturnType<typeof inputJsonSchema>;
  readonly annotations: Tool["annotations"] & { readonly title: string };
};

/** Offers kept; callers that see the same clusters share one, so that these are few. */
const maxOffers = 32;

/** Offers by what a caller sees. Each is made once: it takes 1 ms or more. */
export class ToolListing {
  readonly #tools: readonly Tool[];
  readonly #offers = new Map<string, Offer>();

  constructor(tools: readonly Tool[]) {
    this.#tools = tools;
  }

  /** The tools for a caller with this view of the clusters. Tools that change things are left out where nothing may change. */
  of({ names, writes }: Proxmox): Offer {
    const key = JSON.stringify([names, writes]);
    const known = this.#offers.get(key);
    if (known !== undefined) return known;
    const offer = makeOffer(
      this.#tools.filter(({ annotations }) => writes || annotations.readOnlyHint),
      names,
    );
    const [oldest] = this.#offers.keys();
    if (this.#offers.size >= maxOffers && oldest !== undefined) this.#offers.delete(oldest);
    this.#offers.set(key, offer);
    return offer;
  }
}

function makeOffer(tools: readonly Tool[], names: readonly string[]): Offer {
  const clusters = names.length === 1 ? `the cluster ${names[0]}` : `${names.length} clusters: ${names.join(", ")}`;
  const writes = tools.some(({ annotations }) => !annotations.readOnlyHint);
  return {
    instructions: [
      `Proxmox VE: ${clusters}. A cluster has nodes (hosts); guests are VMs (qemu) and containers (lxc), known by VMID and name.`,
      "get_cluster_resources finds guests, cluster_health what needs attention, list_tasks what happened.",
      writes
        ? "guest_power starts and stops guests; everything else of the API is found with search_api and done with proxmox_api_call. What destroys or exposes needs a human's consent: say so, and never make consent up."
        : "Everything else of the API is found with search_api and read with proxmox_api_read; nothing may be changed here.",
    ].join(" "),
    listed: tools.map((tool) => ({
      name: tool.name,
      title: tool.title,
      description: tool.description,
      inputSchema: inputJsonSchema(tool, names),
      annotations: { title: tool.title, ...tool.annotations },
    })),
  };
}
