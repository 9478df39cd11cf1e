import fc from 'fast-check';
import { expect, it } from 'vitest';
import { expose } from '../../../n3iwf/admin/exposition.ts';

const head = { name: 'n3iwf_x_total', type: 'counter', help: 'Things.' } as const;

/** The sample lines of the format's own example (prometheus.io, exposition formats), label values escaped. */
it('writes what the format describes', () => {
  const samples = [
    { labels: { path: 'C:\\DIR\\FILE.TXT', error: 'Cannot find file:\n"FILE.TXT"' }, value: 1.458255915e9 },
    { value: Number.POSITIVE_INFINITY },
    { value: Number.NEGATIVE_INFINITY },
    { value: Number.NaN },
  ];
  expect(expose({ ...head, help: 'a \\ and\nb' }, samples)).toBe(
    [
      '# HELP n3iwf_x_total a \\\\ and\\nb',
      '# TYPE n3iwf_x_total counter',
      'n3iwf_x_total{path="C:\\\\DIR\\\\FILE.TXT",error="Cannot find file:\\n\\"FILE.TXT\\""} 1458255915',
      'n3iwf_x_total +Inf',
      'n3iwf_x_total -Inf',
      'n3iwf_x_total NaN',
      '',
    ].join('\n'),
  );
  expect(expose(head, [])).toBe('# HELP n3iwf_x_total Things.\n# TYPE n3iwf_x_total counter\n');
});

it('keeps any label value on its line, and readable back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.double({ noNaN: true }), (text, value) => {
      const lines = expose(head, [{ labels: { a: text }, value }]).split('\n');
      expect(lines).toHaveLength(4);
      const parsed = /^n3iwf_x_total\{a="((?:[^"\\]|\\.)*)"\} (\S+)$/su.exec(lines[2] ?? '');
      const unescaped = parsed?.[1]?.replace(/\\(.)/gsu, (_, c: string) => (c === 'n' ? '\n' : c));
      expect(unescaped).toBe(text);
      const number = Number(parsed?.[2]?.replace('Inf', 'Infinity'));
      expect(number === value).toBe(true);
    }),
  );
});
