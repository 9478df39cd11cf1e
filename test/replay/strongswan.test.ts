import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { replay } from '../../n3iwf/cli/replay.ts';

const folder = fileURLToPath(new URL('../captures/strongswan/', import.meta.url));
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.pcap'))
  .map((file) => file.slice(0, -5));

function run(name: string, options: Parameters<typeof replay>[1]) {
  const lines: string[] = [];
  const status = replay(join(folder, `${name}.pcap`), options, (line) => void lines.push(line));
  return { status, text: lines.join('\n') };
}

interface Summary {
  readonly ikeMessages: number;
  readonly messages: readonly {
    readonly kind: string;
    readonly payloads: string;
    readonly verdict: string;
  }[];
}

describe("captures with strongSwan's charon", () => {
  it('are all there', () => {
    expect(names.length).toBeGreaterThan(15);
  });

  it.each(names)('%s: every message is read, nothing in it is unknown', (name) => {
    const { status, text } = run(name, { keys: folder, json: true });
    const { ikeMessages, messages } = JSON.parse(text) as Summary;
    expect(status).toBe(0);
    expect(ikeMessages).toBeGreaterThan(3);
    for (const { payloads, verdict } of messages) {
      // of a peer that was sent elsewhere there are no keys
      if (name !== 'redirect') expect(['ok', 'fragment']).toContain(verdict);
      expect(payloads).not.toMatch(/\(\d+\)(?<!EAP\(\d\))|\b\d+!/);
    }
  });

  it.each(names)('%s: our engine does again what it did', (name) => {
    const { status, text } = run(name, { againstEngine: join(folder, `${name}.record`) });
    expect(text).toMatch(/[1-9]\d* messages compared: the engine sends what was captured/);
    expect(status).toBe(0);
  });
});
