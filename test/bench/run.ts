/** `npm run bench [-- NAME] [--json]`: medians over several runs; each benchmark compares within one run. */
import { readdirSync } from 'node:fs';

const names = readdirSync(new URL('.', import.meta.url))
  .filter((file) => file.endsWith('.ts') && file !== 'run.ts')
  .map((file) => file.slice(0, -3));
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const unknown = wanted.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`no benchmark named ${unknown.join(', ')}; there are: ${names.join(', ')}`);
  process.exit(2);
}

const results: Record<string, unknown> = {};
for (const name of wanted.length > 0 ? wanted : names) {
  const benchmark = (await import(`./${name}.ts`)) as { run(): Promise<readonly Record<string, unknown>[]> };
  results[name] = await benchmark.run();
  if (!process.argv.includes('--json')) {
    console.log(`\n${name}`);
    console.table(results[name]);
  }
}
if (process.argv.includes('--json')) console.log(JSON.stringify(results));
