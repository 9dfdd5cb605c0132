import type { Frame, Page } from 'playwright-core';

const maxTabs = 60;

/** A page without a mouse: everything is reached with Tab, as somebody does who has only keys. */
export function createKeyboard(page: Page) {
  let presses = 0;
  const press = async (key: string) => {
    presses += 1;
    await page.keyboard.press(key, { delay: 10 });
  };

  /** What has the focus, in whatever frame: the words that a screen reader would say, roughly. */
  async function readFocused(frame: Frame = page.mainFrame()): Promise<string> {
    const handle = await frame.evaluateHandle('document.activeElement');
    const inner = await handle.asElement()?.contentFrame();
    if (inner) return readFocused(inner);
    return frame.evaluate((element) => (element as unknown as { textContent: string }).textContent, handle);
  }

  return {
    presses: () => presses,
    press,
    focused: readFocused,
    /** Tabs to the link or button with these words and presses it. */
    async follow(label: string): Promise<void> {
      for (let tabs = 0; tabs < maxTabs; tabs++) {
        await press('Tab');
        if ((await readFocused()).trim() === label) return press('Enter');
      }
      throw new Error(`The keyboard does not get to “${label}”.`);
    },
  };
}
