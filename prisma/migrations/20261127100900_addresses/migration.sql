-- AlterTable
ALTER TABLE "installations" ADD COLUMN     "country" TEXT;

-- AlterTable
ALTER TABLE "messages" ADD COLUMN     "raw_address" TEXT;

-- The country of each location is asked for with its name: at its next reconciliation.
UPDATE "installations" SET "described_at" = NULL WHERE "kind" = 'location';

-- Addresses of contacts in their one form, as far as it can be told without a country: email addresses in small letters, international
-- numbers without blanks and punctuation. Where both forms were known, the newer one counts.
CREATE TEMPORARY TABLE "normalized" AS
SELECT * FROM (
  SELECT "location_id", "address", "contact_id", "updated_at", CASE
    WHEN "address" ~ '^[^@<>,;[:space:]]+@[^@<>,;[:space:]]+[.][^@<>,;[:space:]]+$' THEN lower("address")
    WHEN regexp_replace("address", '^(whatsapp|sms|tel):', '') ~ '^[+][0-9(][0-9 ()./-]+$'
      THEN '+' || regexp_replace("address", '[^0-9]', '', 'g')
    WHEN "address" ~ '^1[2-9][0-9]{9}$' THEN '+' || "address"
    ELSE "address" END AS "normal"
  FROM "identities") AS "all"
WHERE "normal" <> "address";
DELETE FROM "identities" USING "normalized" AS n
WHERE "identities"."location_id" = n."location_id" AND "identities"."address" = n."address";
INSERT INTO "identities" ("location_id", "address", "contact_id", "updated_at")
SELECT DISTINCT ON ("location_id", "normal") "location_id", "normal", "contact_id", "updated_at"
FROM "normalized" ORDER BY "location_id", "normal", "updated_at" DESC
ON CONFLICT ("location_id", "address") DO UPDATE SET "contact_id" = EXCLUDED."contact_id", "updated_at" = EXCLUDED."updated_at"
WHERE "identities"."updated_at" < EXCLUDED."updated_at";
DROP TABLE "normalized";
