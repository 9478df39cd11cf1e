/** `npm run rules`: joins the rule tags in the code with the titles of the tests that prove them. */
import { collectTags, untested } from './support/rules.ts';

const tags = collectTags();
const missing = untested(tags);
if (process.argv.includes('--list')) {
  for (const [tag, places] of [...tags].sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))) {
    console.log(`${tag}\n  code: ${places.code.join(', ') || '-'}\n  test: ${places.test.join(', ') || '-'}`);
  }
}
for (const tag of missing) console.error(`no test title carries ${tag}: ${tags.get(tag)?.code.join(', ')}`);
console.log(`rules: ${tags.size} tags, ${missing.length} in code without a test`);
process.exitCode = missing.length === 0 ? 0 : 1;
