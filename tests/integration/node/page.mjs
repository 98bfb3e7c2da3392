// The page that verifies receipts, in a real browser: cases by its function, one by hand, one dropped.

import { readFile } from "node:fs/promises";
import { chromium } from "playwright-core";
import { print } from "./clients.mjs";

const given = JSON.parse(process.argv[2]);
const { cases, drop, keys } = JSON.parse(await readFile(given.cases, "utf8"));
const browser = await chromium.launch({
  executablePath: given.browser,
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});
const page = await browser.newPage();
const requests = [];
const problems = [];
page.on("request", (request) => requests.push(request.url()));
page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
page.on("pageerror", (error) => problems.push(String(error)));
await page.goto(given.page);

const verdicts = await page.evaluate(async (list) => {
  const found = [];
  for (const one of list) found.push(await verifyReceipt(one.text, await readKeys(one.keys)));
  return found;
}, cases);

const shown = () => page.locator("#result[data-verdict]").getAttribute("data-verdict");
await page.fill("#receipt", drop);
await page.fill("#key", keys);
await page.click("#verify");
const clicked = await shown();
await page.evaluate(() => {
  delete document.getElementById("result").dataset.verdict;
  document.getElementById("receipt").value = "";
});
await page.evaluate((text) => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([text], "receipt.json", { type: "application/json" }));
  const options = { dataTransfer, bubbles: true, cancelable: true };
  document.getElementById("receipt").dispatchEvent(new DragEvent("drop", options));
}, drop);
const dropped = await shown();
const fetched = await page.evaluate(() => fetch("https://example.com/").then(() => "sent", () => "blocked"));
await browser.close();
print({ verdicts, clicked, dropped, fetched, requests, problems });
