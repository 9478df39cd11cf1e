/** `npm run fuzz [-- TARGET] [--minutes N] [--count N] [--seed N]`: mutated input against decoders and engines. */
import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';

const names = readdirSync(new URL('.', import.meta.url))
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && file !== 'run.ts')
  .map((file) => file.slice(0, -3));
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string' }, count: { type: 'string' }, seed: { type: 'string' } },
});
const unknown = positionals.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`no fuzz target named ${unknown.join(', ')}; there are: ${names.join(', ')}`);
  process.exit(2);
}
for (const name of positionals.length > 0 ? positionals : names) {
  const target = (await import(`./${name}.ts`)) as {
    run(limits: { minutes?: number; count?: number; seed?: number }): Promise<string>;
  };
  const limits = {
    ...(values.minutes === undefined ? {} : { minutes: Number(values.minutes) }),
    ...(values.count === undefined ? {} : { count: Number(values.count) }),
    ...(values.seed === undefined ? {} : { seed: Number(values.seed) }),
  };
  console.log(`${name}: ${await target.run(limits)}`);
}
