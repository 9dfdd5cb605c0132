-- compatible since 20261127233000_all_dead_letters
ALTER TABLE "jobs" ADD COLUMN "claim_number" INTEGER NOT NULL DEFAULT 0;
