const fixedDays = ['01-01', '05-01', '05-08', '07-14', '08-15', '11-01', '11-11', '12-25'];
/** Easter Monday, Ascension Day, Whit Monday. */
const daysAfterEaster = [1, 39, 50];
const dayMs = 24 * 60 * 60 * 1000;

/** Returns whether a day is a public holiday in France (Code du travail, L3133-1). @param day `2026-11-24` */
export function isFrenchHoliday(day: string): boolean {
  if (fixedDays.includes(day.slice(5))) return true;
  const sinceEaster = Math.round((Date.parse(`${day}T00:00:00Z`) - computeEaster(Number(day.slice(0, 4)))) / dayMs);
  return daysAfterEaster.includes(sinceEaster);
}

/** Computes Easter Sunday in the Gregorian calendar (the anonymous algorithm of 1876). @returns its midnight in UTC */
export function computeEaster(year: number): number {
  const century = Math.floor(year / 100);
  const yearOfCentury = year % 100;
  const golden = year % 19;
  const shift = Math.floor((century - Math.floor((century + 8) / 25) + 1) / 3);
  const epact = (19 * golden + century - Math.floor(century / 4) - shift + 15) % 30;
  const weekday = (32 + 2 * (century % 4) + 2 * Math.floor(yearOfCentury / 4) - epact - (yearOfCentury % 4)) % 7;
  const correction = Math.floor((golden + 11 * epact + 22 * weekday) / 451);
  const days = epact + weekday - 7 * correction + 114;
  return Date.UTC(year, Math.floor(days / 31) - 1, (days % 31) + 1);
}
