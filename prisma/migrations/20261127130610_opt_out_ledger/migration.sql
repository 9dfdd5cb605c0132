-- AlterTable
-- No version has written to this table yet.
ALTER TABLE "opt_outs" ADD COLUMN     "confirmed_at" TIMESTAMPTZ(3) NOT NULL;

-- HighLevel's do-not-disturb and the contact's own opt-out begin and end apart.
DROP INDEX "opt_outs_open";
CREATE UNIQUE INDEX "opt_outs_open" ON "opt_outs" ("location_id", "address", "category", ("source" = 'highlevel')) WHERE "lifted_at" IS NULL;

-- CreateIndex
CREATE INDEX "opt_outs_location_id_address_idx" ON "opt_outs"("location_id", "address");
