"""Plans, the evidence of their rehearsals, and their approvals."""

from sqlalchemy import Connection, insert, select

from oakum.adapters.persistence.documents import from_document, require_same, to_document
from oakum.adapters.persistence.lookup import resolve
from oakum.adapters.persistence.tables import approvals, plans, rehearsals
from oakum.core.ids import PlanId
from oakum.core.planning.plan import Plan
from oakum.core.staging.rehearsal import Rehearsal
from oakum.ports.stores import Approval


class SqlPlanStore:
    """Keeps plans as documents: what is approved is what is stored."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, plan: Plan) -> None:
        """Keep a plan; the same content again is the same plan."""
        known = select(plans.c.id).where(plans.c.id == plan.id)
        if self._connection.execute(known).first() is None:
            self._connection.execute(
                insert(plans).values(
                    id=plan.id, created_at=plan.created_at, document=to_document(plan)
                )
            )

    def ids(self) -> tuple[PlanId, ...]:
        """Return the id of every plan, oldest first."""
        query = select(plans.c.id).order_by(plans.c.created_at)
        return tuple(PlanId(row.id) for row in self._connection.execute(query))

    def get(self, id_or_prefix: str) -> Plan:
        """Return the plan whose id begins so; `latest` is the newest."""
        ids = self.ids()
        found = resolve(id_or_prefix, ids, "plan")
        document = self._connection.execute(select(plans.c.document).where(plans.c.id == found))
        return _plan(found, document.scalar_one())

    def all(self) -> tuple[Plan, ...]:
        """Return every plan, oldest first."""
        query = select(plans.c.id, plans.c.document).order_by(plans.c.created_at)
        return tuple(_plan(row.id, row.document) for row in self._connection.execute(query))

    def add_rehearsal(self, rehearsal: Rehearsal) -> None:
        """Keep the evidence with its plan."""
        self._connection.execute(
            insert(rehearsals).values(plan=rehearsal.plan, document=to_document(rehearsal))
        )

    def rehearsals(self, plan: PlanId) -> tuple[Rehearsal, ...]:
        """Return them oldest first."""
        query = select(rehearsals.c.document).where(rehearsals.c.plan == plan)
        return tuple(
            from_document(document, Rehearsal, f"a rehearsal of {plan}")
            for (document,) in self._connection.execute(query.order_by(rehearsals.c.id))
        )

    def add_approval(self, approval: Approval) -> None:
        """Keep a person's word."""
        self._connection.execute(
            insert(approvals).values(plan=approval.plan, document=to_document(approval))
        )

    def approvals(self, plan: PlanId) -> tuple[Approval, ...]:
        """Return them oldest first."""
        query = select(approvals.c.document).where(approvals.c.plan == plan)
        return tuple(
            from_document(document, Approval, f"an approval of {plan}")
            for (document,) in self._connection.execute(query.order_by(approvals.c.id))
        )


def _plan(identity: str, document: bytes) -> Plan:
    """Return a plan that is what its id says. Raises StorageError for any other."""
    plan = from_document(document, Plan, identity)
    require_same(plan.id, identity)
    return plan
