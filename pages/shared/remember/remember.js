// Keeps the name that was typed in a cookie of this browser, or forgets it when it is emptied.
const A_YEAR = 365 * 24 * 60 * 60;

export default function ({ data }) {
  const seconds = data.value ? A_YEAR : 0;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie =
    `${data.cookie}=${encodeURIComponent(data.value)}; path=${data.path}; ` +
    `max-age=${seconds}; SameSite=Strict${secure}`;
}
