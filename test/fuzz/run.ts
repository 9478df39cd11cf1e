/** `npm run fuzz [-- TARGET] [--minutes N] [--count N]`: mutated input against the decoders. */
import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';

const names = readdirSync(new URL('.', import.meta.url))
  .filter((file) => file.endsWith('.ts') && file !== 'run.ts')
  .map((file) => file.slice(0, -3));
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string' }, count: { type: 'string' } },
});
const unknown = positionals.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`no fuzz target named ${unknown.join(', ')}; there are: ${names.join(', ')}`);
  process.exit(2);
}
for (const name of positionals.length > 0 ? positionals : names) {
  const target = (await import(`./${name}.ts`)) as {
    run(limits: { minutes?: number; count?: number }): Promise<string>;
  };
  const limits = {
    ...(values.minutes === undefined ? {} : { minutes: Number(values.minutes) }),
    ...(values.count === undefined ? {} : { count: Number(values.count) }),
  };
  console.log(`${name}: ${await target.run(limits)}`);
}
