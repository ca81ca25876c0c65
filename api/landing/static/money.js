/** Money is a decimal string outside, as the API has it, and whole minor units inside. */

export function digitsOf(text) {
  return text.includes(".") ? text.length - text.indexOf(".") - 1 : 0;
}

/** "7.9" with 2 digits is 790; null for what is no amount, or has more digits. */
export function toMinor(text, digits) {
  const match = /^(\d{1,12})(?:\.(\d*))?$/.exec(text.trim());
  const fraction = match?.[2] ?? "";
  if (!match || fraction.length > digits) return null;
  return Number(match[1] + fraction.padEnd(digits, "0"));
}

export function toText(minor, digits) {
  const text = String(minor).padStart(digits + 1, "0");
  return digits ? `${text.slice(0, -digits)}.${text.slice(-digits)}` : text;
}
