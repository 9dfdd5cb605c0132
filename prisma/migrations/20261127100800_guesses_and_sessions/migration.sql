-- AlterEnum
ALTER TYPE "alert_kind" ADD VALUE 'guessing';

-- CreateTable
CREATE TABLE "guesses" (
    "kind" TEXT NOT NULL,
    "minute" TIMESTAMPTZ(3) NOT NULL,
    "count" INTEGER NOT NULL,
    "audit_id" UUID NOT NULL,

    CONSTRAINT "guesses_pkey" PRIMARY KEY ("kind","minute")
);

-- CreateTable
CREATE TABLE "session_revocations" (
    "kind" "installation_kind" NOT NULL,
    "resource_id" TEXT NOT NULL,
    "revoked_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "session_revocations_pkey" PRIMARY KEY ("kind","resource_id")
);

-- CreateTable
CREATE TABLE "spent_states" (
    "id" TEXT NOT NULL,
    "spent_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "spent_states_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "guesses_minute_idx" ON "guesses"("minute");

-- CreateIndex
CREATE INDEX "spent_states_spent_at_idx" ON "spent_states"("spent_at");
