-- One order of what happens in all processes, whatever their clocks say: a send begins, a receipt comes.
CREATE SEQUENCE "event_order";

-- AlterTable
ALTER TABLE "attempts" ADD COLUMN     "event_order" BIGINT;

-- AlterTable
ALTER TABLE "receipts" ADD COLUMN     "event_order" BIGINT;
