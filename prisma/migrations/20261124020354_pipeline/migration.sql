-- CreateEnum
CREATE TYPE "job_kind" AS ENUM ('deliver', 'tell');

-- AlterTable
ALTER TABLE "messages" DROP COLUMN "slot_at";

-- AlterTable
ALTER TABLE "paces" ADD COLUMN     "blocked_code" TEXT,
ADD COLUMN     "blocked_reason" TEXT,
ADD COLUMN     "burst" INTEGER,
ADD COLUMN     "concurrency" INTEGER,
ADD COLUMN     "day" TEXT,
ADD COLUMN     "interval_ms" DOUBLE PRECISION,
ADD COLUMN     "remaining_at" TIMESTAMPTZ(3),
ADD COLUMN     "remaining_today" INTEGER,
ADD COLUMN     "sent_today" INTEGER NOT NULL DEFAULT 0;

-- CreateTable
CREATE TABLE "jobs" (
    "kind" "job_kind" NOT NULL,
    "message_id" UUID NOT NULL,
    "lane" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "rank" SMALLINT NOT NULL DEFAULT 0,
    "due_at" TIMESTAMPTZ(3) NOT NULL,
    "is_first" BOOLEAN NOT NULL,
    "worker_id" UUID,
    "crashes" SMALLINT NOT NULL DEFAULT 0,

    CONSTRAINT "jobs_pkey" PRIMARY KEY ("kind","message_id")
);

-- CreateTable
CREATE TABLE "workers" (
    "id" UUID NOT NULL,
    "beats" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "workers_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "identities" (
    "location_id" TEXT NOT NULL,
    "address" TEXT NOT NULL,
    "contact_id" TEXT NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "identities_pkey" PRIMARY KEY ("location_id","address")
);

-- CreateTable
CREATE TABLE "media" (
    "id" UUID NOT NULL,
    "message_id" UUID NOT NULL,
    "source_url" TEXT NOT NULL,
    "secret_hash" TEXT NOT NULL,
    "content_type" TEXT NOT NULL,
    "bytes" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "media_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "redrives" (
    "id" UUID NOT NULL,
    "location_id" TEXT NOT NULL,
    "actor" TEXT NOT NULL,
    "filter" JSONB NOT NULL,
    "cursor" UUID,
    "total" INTEGER NOT NULL,
    "done" INTEGER NOT NULL DEFAULT 0,
    "begun_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "redrives_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "jobs_kind_key_message_id_idx" ON "jobs"("kind", "key", "message_id");

-- CreateIndex
CREATE UNIQUE INDEX "media_secret_hash_key" ON "media"("secret_hash");

-- CreateIndex
CREATE INDEX "media_message_id_idx" ON "media"("message_id");

-- CreateIndex
CREATE INDEX "media_expires_at_idx" ON "media"("expires_at");

-- CreateIndex
CREATE INDEX "redrives_location_id_id_idx" ON "redrives"("location_id", "id" DESC);

-- What a worker may take, in its order; what it has in hand; contacts whose answers are just being posted; what was given up.
-- (Prisma's schema has no words for indexes of a part of a table.)
CREATE INDEX "jobs_waiting" ON "jobs"("kind", "lane", "rank", "due_at", "message_id") WHERE "worker_id" IS NULL AND "is_first";
CREATE INDEX "jobs_in_hand" ON "jobs"("lane", "worker_id") WHERE "worker_id" IS NOT NULL;
CREATE INDEX "messages_posting" ON "messages"("location_id", "contact_id") WHERE "posting_since" IS NOT NULL;
CREATE INDEX "messages_given_up" ON "messages"("location_id", "id" DESC) WHERE "state" = 'failed' OR "unknown_since" IS NOT NULL;

-- Rows of jobs live for seconds: their places must be free again soon.
ALTER TABLE "jobs" SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
-- Room for the later versions of a row beside the first.
ALTER TABLE "messages" SET (fillfactor = 80);
ALTER TABLE "attempts" SET (fillfactor = 80);

-- What is left to do can be read from the messages, so nothing of the queue that was here before is needed.
INSERT INTO "jobs" ("kind", "message_id", "lane", "key", "due_at", "is_first")
  SELECT 'deliver', "id", 'sending/' || "location_id" || '/' || "provider_key",
    "location_id" || '/' || COALESCE("contact_id", "to", "id"::text), COALESCE("next_attempt_at", "created_at"), true
  FROM "messages"
  WHERE "direction" = 'outbound' AND "state" = 'pending' AND "unknown_since" IS NULL
    AND "reason_code" IS DISTINCT FROM 'awaiting_receipt';
INSERT INTO "jobs" ("kind", "message_id", "lane", "key", "due_at", "is_first")
  SELECT 'tell', "id", 'highlevel/' || "location_id", "location_id" || '/' || COALESCE(CASE WHEN "sent_elsewhere" THEN "to" END, "from", ''),
    COALESCE("next_attempt_at", "created_at"), true
  FROM "messages" WHERE "direction" = 'inbound' AND "state" = 'pending';
INSERT INTO "jobs" ("kind", "message_id", "lane", "key", "rank", "due_at", "is_first")
  SELECT 'tell', "id", 'highlevel/' || "location_id", "id"::text,
    CASE "state" WHEN 'failed' THEN 0 WHEN 'delivered' THEN 1 ELSE 2 END, "updated_at", true
  FROM "messages"
  WHERE "direction" = 'outbound' AND "state" <> 'pending' AND "highlevel_message_id" IS NOT NULL
    AND "reported_state" IS DISTINCT FROM "state";
UPDATE "jobs" SET "is_first" = false WHERE EXISTS (
  SELECT 1 FROM "jobs" AS "before"
  WHERE "before"."kind" = "jobs"."kind" AND "before"."key" = "jobs"."key" AND "before"."message_id" < "jobs"."message_id");
DROP SCHEMA IF EXISTS "pgboss" CASCADE;
