/** The request as code: copied from the page, and run against the worker. */
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';

import { describe, expect, it } from 'vitest';

import { columns, field, inChromium, linkTo, openOptions } from './chromium.ts';

const run = promisify(execFile);
/** Local requests must not go through a proxy. */
const environment = { ...process.env, NO_PROXY: '*', no_proxy: '*' };

function isInstalled(command: string, argument: string): boolean {
  try {
    execFileSync(command, [argument], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const LANGUAGES = [
  language('curl', ['bash', '-c'], 'curl'),
  language('JavaScript', [process.execPath, '--input-type=module', '-e'], process.execPath),
  language('Python', ['python3', '-c'], 'python3'),
];

/** @param command with its arguments; the code is added as the last one */
function language(tab: string, [command, ...args]: [string, ...string[]], needs: string) {
  const isSkipped = !isInstalled(needs, '--version');
  return { tab, command, args, isSkipped, name: isSkipped ? `${tab} (skipped: there is no ${needs})` : tab };
}

const QUESTIONS: { name: string; text: string; options: Record<string, string> }[] = [
  { name: 'the example', text: 'I love [MASK] because you are [MASK].', options: {} },
  {
    name: 'a nasty text',
    text:
      `It's a "$HOME" \\back\\slash\\n, \`tick\` $(date) \${x} %s !! #1 @file {a}\n` +
      `new line\t[MASK], ‘quotes’, é, 東京, 🦊 👩‍💻 🏴󠁧󠁢󠁥󠁮󠁧󠁿 \u202Ereversed\u2028 </script> '''`,
    options: { top_k: '3' },
  },
  { name: 'targets', text: "Don't say [MASK].", options: { targets: 'you, it, ", $' } },
];

inChromium('the code of the page', ({ open, origin }) => {
  describe.each(LANGUAGES)('in $name', ({ tab, command, args, isSkipped }) => {
    it.skipIf(isSkipped).each(QUESTIONS)('asks $name as the page does', async ({ text, options }) => {
      let answer: Promise<unknown> | undefined;
      const page = await open({
        path: linkTo(text, options),
        before: async (opened) =>
          opened.on('response', (response) => {
            if (response.url().endsWith('/fill-mask')) answer = response.json();
          }),
      });
      await columns(page);
      await page.getByText('The same request as code').click();
      await page.getByRole('tab', { name: tab }).click();
      await page.getByRole('button', { name: 'Copy', exact: true }).click();
      await page.getByRole('button', { name: 'Copied' }).waitFor();
      expect(await page.getByRole('status').textContent()).toBe(`${tab} copied.`);
      const code = await page.evaluate<string>('navigator.clipboard.readText()');
      expect(await page.locator('pre:visible').textContent()).toBe(code);

      // The code has no invisible characters.
      expect(code).not.toMatch(/[\u202E\u2028\u200D]|[\u{E0000}-\u{E007F}]/u);
      const { stdout } = await run(command, [...args, code], { env: environment });
      expect(JSON.parse(stdout)).toEqual(await answer);
    });
  });

  it('follows the form, and has the address of the API and the gaps as the API spells them', async () => {
    const page = await open();
    await page.getByText('The same request as code').click();
    await openOptions(page);
    await page.getByLabel('How many').selectOption('20');
    const panel = page.locator('#panel-curl');
    expect(await panel.textContent()).toContain(`curl '${origin()}/fill-mask'`);
    expect(await panel.textContent()).toContain('"parameters":{"top_k":20}');
    await page.getByRole('switch', { name: 'Fill all gaps together' }).check();
    expect(await panel.textContent()).toContain('"strategy":"joint"');
    await field(page).fill('Another ____.');
    expect(await panel.textContent()).toContain('"inputs":"Another [MASK]."');
  });

  it('is in tabs that the arrows go through', async () => {
    const page = await open();
    await page.getByText('The same request as code').click();
    const selected = async () => {
      expect(await page.locator('#tabs [aria-selected=true]').count()).toBe(1);
      expect(await page.locator('#tabs [tabindex="0"]').count()).toBe(1);
      expect(await page.locator('pre:visible').count()).toBe(1);
      const tab = await page.locator('[role=tab]:focus').textContent();
      const id = await page.locator('[role=tab]:focus').getAttribute('aria-controls');
      expect(await page.locator('pre:visible').getAttribute('id')).toBe(id);
      return tab?.trim();
    };
    await page.getByRole('tab', { name: 'curl' }).focus();
    const seen = [await selected()];
    for (const key of ['ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowLeft', 'Home', 'End']) {
      await page.keyboard.press(key);
      seen.push(await selected());
    }
    expect(seen).toEqual(['curl', 'JavaScript', 'Python', 'curl', 'Python', 'curl', 'Python']);
    await page.keyboard.press('Tab');
    expect(await page.locator(':focus').getAttribute('id')).toBe('copy');
    await page.keyboard.press('Tab');
    expect(await page.locator(':focus').getAttribute('role')).toBe('tabpanel');
  });

  it('says so where the browser does not let it copy', async () => {
    const page = await open({ permissions: [] });
    await page.evaluate('navigator.clipboard.writeText = () => Promise.reject(new Error("no"))');
    await page.getByText('The same request as code').click();
    await page.getByRole('button', { name: 'Copy', exact: true }).click();
    await page.getByRole('button', { name: 'Not copied' }).waitFor();
    expect(await page.getByRole('status').textContent()).toContain('select the text and copy it');
  });
});
